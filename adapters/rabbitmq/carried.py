"""What a message carries of its past: how often it was tried, why it was parked, and what must not travel on.

The broker counts returns from `.retry` in `x-death`; RabbitMQ 4 no longer counts on from an `x-death`
that a client published. So whatever is published anew has its `x-death` taken off and its count so
far written into a header of our own: tries = carried + counted since.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

ATTEMPTS = "inn-attempts"
TURNED_AWAY = "inn-turned-away"
REASON = "inn-reason"
PARKED_AT = "inn-parked-at"
OURS = (ATTEMPTS, TURNED_AWAY, REASON, PARKED_AT)
MAX_ATTEMPTS = 1_000_000
"""Larger numbers in the headers are nobody's count."""

# The broker's own, which would count twice, and CC and BCC, by which it would send copies to other queues.
_STAYS_BEHIND = frozenset(
    (
        *OURS,
        "CC",
        "BCC",
        "x-death",
        "x-delivery-count",
        "x-acquired-count",
        "x-first-death-exchange",
        "x-first-death-queue",
        "x-first-death-reason",
        "x-last-death-exchange",
        "x-last-death-queue",
        "x-last-death-reason",
    )
)

Headers = Mapping[str, object]


def travelling(headers: Headers) -> dict[str, object]:
    """The client's own headers, to be published anew with the message."""
    return {name: value for name, value in headers.items() if name not in _STAYS_BEHIND}


def attempts(headers: Headers, retry_queue: str) -> int:
    """How many tries a message has behind it. 0: this is the first one."""
    counted = (death.get("count") for death in _deaths(headers) if _is(death, retry_queue, "expired"))
    return _count(headers.get(ATTEMPTS)) + sum(map(_count, counted))


def turned_away(headers: Headers) -> int:
    """How often a provider turned this very request away."""
    return _count(headers.get(TURNED_AWAY))


def death_reason(headers: Headers) -> str:
    """Why the broker parked a message (delivery_limit, expired, rejected); "" where it did not."""
    reasons = [reason for death in _deaths(headers) if isinstance(reason := death.get("reason"), str)]
    return reasons[0] if reasons else ""


def death_time(headers: Headers) -> str:
    """When the broker parked a message, as ISO time; "" where it did not."""
    times = [time for death in _deaths(headers) if isinstance(time := death.get("time"), datetime)]
    return times[0].isoformat(timespec="seconds") if times else ""


def _deaths(headers: Headers) -> Iterable[Mapping[str, object]]:
    deaths = headers.get("x-death")
    return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []


def _is(death: Mapping[str, object], queue: str, reason: str) -> bool:
    return death.get("queue") == queue and death.get("reason") == reason


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < MAX_ATTEMPTS else 0
