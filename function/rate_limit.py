"""When a provider may be asked: rate limit, cool-down, circuit breaker and daily limit, as pure decisions.

All replicas share one `ProviderState` for each provider, kept in the store (`RateLimiter`), on the store's
clock. Times are seconds since the epoch.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import NamedTuple, Protocol

MOSCOW = timezone(timedelta(hours=3), "MSK")
MAX_COOLDOWN_SEC = 3600.0  # the longest cool-down that doubling leads to
MAX_DOUBLINGS = 32  # Enough for any cool-down to reach the bound. Without a bound the power would overflow a float.


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
    """One provider's state in the store."""

    next_free: float = 0
    open_until: float = 0
    """Until then the circuit is open: the provider is not asked. Databases store it as `closed_until`."""
    failures: int = 0
    """Cool-downs in a row. Above 0 and after `open_until` the circuit is half-open: one probe is permitted."""
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


class RateLimiter(Protocol):
    """All providers' shared state. Methods are atomic, use the store's clock, raise Unavailable(STORE_UNAVAILABLE)."""

    def acquire(self, provider: str, limit: RateLimit) -> Permit | Denied:
        """Take a permit. See `take_permit`."""

    def cool_down(self, provider: str, limit: RateLimit, at_least: float = 0) -> float:
        """Open the circuit: `cooldown` seconds, doubled by each one in a row, or `at_least`. Returns the seconds."""

    def recover(self, provider: str) -> None:
        """Close the circuit after a probe that succeeded. See `close_circuit`."""

    def check(self, provider: str, limit: RateLimit) -> Denied | None:
        """See `circuit_denial`. Takes no permit."""


def take_permit(state: ProviderState, limit: RateLimit, now: float) -> tuple[ProviderState, Permit | Denied]:
    """The state after a request for one permit (unchanged where it is denied), and the permit or the denial."""
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
    """Why the provider may not be asked now; None: it may. `min_interval` is not checked."""
    if now < state.open_until:
        return Denied(DenialReason.COOLING_DOWN, state.open_until - now)
    if limit.daily_limit and state.day == moscow_day(now) and state.count >= limit.daily_limit:
        return Denied(DenialReason.DAILY_LIMIT, seconds_to_midnight(now))
    if state.failures > 0 and now < state.probe_until:
        return Denied(DenialReason.HALF_OPEN, state.probe_until - now)
    return None


def open_circuit(state: ProviderState, limit: RateLimit, now: float, at_least: float = 0) -> ProviderState:
    """The state after a captcha or a throttling."""
    if now < state.open_until:
        # Requests under way at the same time fail together: only the first failure counts.
        return replace(state, open_until=max(state.open_until, now + at_least))
    grown = min(limit.cooldown * 2 ** min(state.failures, MAX_DOUBLINGS), max(MAX_COOLDOWN_SEC, limit.cooldown))
    seconds = max(grown, at_least)
    if not seconds:
        # The failed probe is over: the next request is another one.
        return replace(state, probe_until=0)
    return replace(state, open_until=now + seconds, failures=state.failures + 1, probe_until=0)


def close_circuit(state: ProviderState, now: float) -> ProviderState:
    """The state after a probe that succeeded. A circuit that a late captcha has opened meanwhile stays open."""
    if now < state.open_until:
        return state
    return replace(state, failures=0, probe_until=0)


def moscow_day(now: float) -> str:
    """The day that the daily limit counts, as ISO date."""
    return datetime.fromtimestamp(now, MOSCOW).date().isoformat()


def seconds_to_midnight(now: float) -> float:
    """Seconds until the daily count starts again, Moscow time."""
    local = datetime.fromtimestamp(now, MOSCOW)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight.astimezone(UTC).timestamp() - now
