"""When a provider may be asked: rate limit, cool-down, circuit breaker and daily limit, as pure decisions.

All replicas share one `ProviderState` for each provider, kept in the store (`RateLimiter`), on the store's
clock. Times are seconds since the epoch.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import NamedTuple, Protocol

from function.outcomes import Reason
from function.ports import Invalid, Pending, Ticket, Unavailable, Verdict
from function.request import LookupRequest

MOSCOW = timezone(timedelta(hours=3), "MSK")
MAX_COOLDOWN_SEC = 3600.0
"""A cool-down, doubled by each one in a row, does not grow beyond this."""
MAX_DOUBLINGS = 32
"""Enough for any cool-down to reach the bound. A power of all cool-downs of a year would not fit a float."""


class DenialReason(StrEnum):
    """Why a provider may not be asked."""

    PACED = "paced"
    COOLING_DOWN = "cooling_down"
    HALF_OPEN = "half_open"
    DAILY_LIMIT = "daily_limit"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rules of one provider. 0 turns a rule off.

    `min_interval`: seconds between requests; `cooldown`: seconds of the first cool-down, doubled by
    each further one in a row; `daily_limit`: requests a day, Moscow time; `probe_lease`: seconds
    after which a probe without a result counts as lost.
    """

    min_interval: float
    cooldown: float
    daily_limit: int
    probe_lease: float


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What the store keeps of one provider."""

    next_free: float = 0
    open_until: float = 0
    """The circuit is open, and nobody asks, until then."""
    failures: int = 0
    """Cool-downs in a row; above 0, once the cool-down is over, the circuit is half-open: one probe goes first."""
    probe_until: float = 0
    day: str = ""
    count: int = 0


class Permit(NamedTuple):
    """The provider may be asked once, now. A `probe` must report back: `cool_down` or `recover`."""

    probe: bool = False


class Denied(NamedTuple):
    """The provider may not be asked, for about `retry_after` seconds."""

    reason: DenialReason
    retry_after: float


class ProviderReply(NamedTuple):
    """What one provider answered; `captcha_ahead`: the next find would be asked for a captcha, so it is to cool down.

    `failure`: why this poll failed, where the answer is `Pending` all the same.
    """

    answer: Verdict | Invalid | Pending
    captcha_ahead: bool = False
    failure: Reason | None = None


class Throttled(Unavailable):
    """The provider says "too often": captcha, 429, switched off. It is to cool down for `retry_after` seconds at least."""

    def __init__(self, retry_after: float = 0) -> None:
        super().__init__(Reason.THROTTLED, retry_after)


class Provider(Protocol):
    """One provider by itself, without rate limit or fail-over; an InnProvider is made of one or more of them."""

    @property
    def name(self) -> str:
        """Its name in answers, logs and metrics."""

    def serves(self, request: LookupRequest) -> bool:
        """Whether it can be asked for this person at all; a paid provider may know passports only."""

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        """Make one request. Raises `Throttled`, or `Unavailable` with PROVIDER_UNAVAILABLE or BAD_REPLY.

        The caller has a permit where there is no ticket. A poll that fails, and may be made again, is `Pending`.
        PROVIDER_CLOSED: it was not asked, for its session is being opened; try again soon.
        """


class RateLimiter(Protocol):
    """The shared state of all providers; each call is one atomic step on the store's own clock.

    Any method raises `Unavailable(STORE_UNAVAILABLE)` while the store cannot be reached.
    """

    def acquire(self, provider: str, limit: RateLimit) -> Permit | Denied:
        """Take a permit. See `take_permit`."""

    def cool_down(self, provider: str, limit: RateLimit, at_least: float = 0) -> float:
        """Open the circuit: `cooldown` seconds, doubled by each one in a row, or `at_least`. Returns the seconds."""

    def recover(self, provider: str) -> None:
        """A probe succeeded: the circuit is closed, all may ask, and the next cool-down is a first one again.

        A circuit that was opened meanwhile, by a captcha that came late, stays as it is.
        """

    def check(self, provider: str, limit: RateLimit) -> Denied | None:
        """Why it may not be asked now, without taking a permit; None: it may. The pace alone is no reason."""


def take_permit(state: ProviderState, limit: RateLimit, now: float) -> tuple[ProviderState, Permit | Denied]:
    """Take one permit: the state afterwards (the same one where it is denied), and what the caller gets."""
    day = moscow_day(now)
    count = state.count if state.day == day else 0
    denied = circuit_denial(state, limit, now)
    if denied is None and now < state.next_free:
        denied = Denied(DenialReason.PACED, state.next_free - now)
    if denied is not None:
        return state, denied
    probe = state.failures > 0
    taken = replace(
        state,
        next_free=now + limit.min_interval,
        probe_until=now + limit.probe_lease if probe else 0,
        day=day,
        count=count + 1,
    )
    return taken, Permit(probe)


def circuit_denial(state: ProviderState, limit: RateLimit, now: float) -> Denied | None:
    """Why nobody may ask now, the pace aside; None: somebody may."""
    if now < state.open_until:
        return Denied(DenialReason.COOLING_DOWN, state.open_until - now)
    if limit.daily_limit and state.day == moscow_day(now) and state.count >= limit.daily_limit:
        return Denied(DenialReason.DAILY_LIMIT, seconds_to_midnight(now))
    if state.failures > 0 and now < state.probe_until:
        return Denied(DenialReason.HALF_OPEN, state.probe_until - now)
    return None


def open_circuit(state: ProviderState, limit: RateLimit, now: float, at_least: float = 0) -> ProviderState:
    """The state after a captcha or a throttling.

    Requests that were under way together fail together: one that reports while the circuit is
    open already makes it no worse, unless it knows of a longer time.
    """
    if now < state.open_until:
        return replace(state, open_until=max(state.open_until, now + at_least))
    grown = min(limit.cooldown * 2 ** min(state.failures, MAX_DOUBLINGS), max(MAX_COOLDOWN_SEC, limit.cooldown))
    seconds = max(grown, at_least)
    if not seconds:
        # A probe that failed is over: whoever comes next is another one.
        return replace(state, probe_until=0)
    return replace(state, open_until=now + seconds, failures=state.failures + 1, probe_until=0)


def close_circuit(state: ProviderState, now: float) -> ProviderState:
    """The state after a probe that succeeded; what opened the circuit meanwhile counts more."""
    if now < state.open_until:
        return state
    return replace(state, failures=0, probe_until=0)


def moscow_day(now: float) -> str:
    """The day that the daily limit counts, as ISO date."""
    return datetime.fromtimestamp(now, MOSCOW).date().isoformat()


def seconds_to_midnight(now: float) -> float:
    """Until the count begins anew, Moscow time."""
    here = datetime.fromtimestamp(now, MOSCOW)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight.astimezone(UTC).timestamp() - now
