"""When a provider may be asked: its pace, cool-down, half-opening and daily limit, as one pure decision.

All replicas share one `Entry` for a provider, kept in the store (`ProviderBook`), on the store's
clock. Times are seconds since the epoch.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import NamedTuple, Protocol

from function.outcomes import Reason
from function.ports import Invalid, Unavailable, Verdict
from function.request import LookupRequest

MOSCOW = timezone(timedelta(hours=3), "MSK")
MAX_COOLDOWN_SEC = 3600.0
"""A cool-down that doubles each time in vain does not grow beyond this."""
MAX_DOUBLINGS = 32
"""Enough for any cool-down to reach the bound. A power of all cool-downs of a year would not fit a float."""


class Why(StrEnum):
    """Why a provider is shut."""

    PACED = "paced"
    COOLING = "cooling_down"
    PROBING = "probing"
    DAILY_LIMIT = "daily_limit"


@dataclass(frozen=True, slots=True)
class Pace:
    """The rules of one provider. 0 turns a rule off.

    `min_interval`: seconds between requests; `cooldown`: seconds of the first cool-down, doubled by
    each further one in vain; `daily_limit`: requests a day, Moscow time; `probe_lease`: seconds
    after which a probe that said nothing counts as lost.
    """

    min_interval: float
    cooldown: float
    daily_limit: int
    probe_lease: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store keeps of one provider."""

    next_free: float = 0
    closed_until: float = 0
    level: int = 0
    """Cool-downs in a row; above 0 the provider has yet to prove itself by one probe."""
    probe_until: float = 0
    day: str = ""
    count: int = 0


class Turn(NamedTuple):
    """The provider may be asked once, after `wait` seconds. A `probe` must report back: `cool` or `clear`."""

    wait: float
    probe: bool = False


class Shut(NamedTuple):
    """The provider may not be asked, for about `reopens_in` seconds."""

    why: Why
    reopens_in: float


class Reply(NamedTuple):
    """What one provider said; `cool` asks to leave it alone for a while after this good reply (captcha ahead)."""

    said: Verdict | Invalid
    cool: bool = False


class Throttled(Unavailable):
    """The provider says "too often": captcha, 429, switched off. It is to be closed for `retry_after` s at least."""

    def __init__(self, retry_after: float = 0) -> None:
        super().__init__(Reason.PROVIDER_CLOSED, retry_after)


class Again(Protocol):
    """The right to make one more request in the same visit."""

    def __call__(self, seconds: float, /, *, sent: bool = True) -> bool:
        """Take and await one more turn at the same provider, within so many seconds; False: there is none.

        Where the request was not `sent` the turn is still good, unless the provider was closed meanwhile.
        """


class Upstream(Protocol):
    """One provider as it is, without pace or limit; an InnProvider is made of one or more of them."""

    @property
    def name(self) -> str:
        """Its name in answers, logs and metrics."""

    def serves(self, request: LookupRequest) -> bool:
        """Whether it can be asked for this person at all; a paid provider may know passports only."""

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        """Ask for one person. Raises `Throttled`, or `Unavailable` with PROVIDER_UNAVAILABLE or BAD_REPLY.

        The caller has taken a turn for one request; one that has to be made a second time needs `again`.
        """


class ProviderBook(Protocol):
    """The shared state of all providers; each call is one atomic step on the store's own clock.

    Any method raises `Unavailable(STORE_UNAVAILABLE)` while the store cannot be reached.
    """

    def take(self, provider: str, pace: Pace, patience: float) -> Turn | Shut:
        """Take the next turn, unless it would come later than in `patience` seconds. See `decide`."""

    def cool(self, provider: str, pace: Pace, at_least: float = 0) -> float:
        """Close the provider: `cooldown` seconds, doubled by each one in vain, or `at_least`. Returns the seconds."""

    def clear(self, provider: str) -> None:
        """The provider answered a probe as it should: the next cool-down is a first one again, and all may ask.

        One that was closed meanwhile, by a captcha that came late, stays as it is.
        """

    def look(self, provider: str, pace: Pace) -> Shut | None:
        """Why it is shut now, without taking a turn; None: open. The pace alone does not shut it."""


def decide(entry: Entry, pace: Pace, now: float, patience: float) -> tuple[Entry, Turn | Shut]:
    """Take one turn: the entry afterwards (the same one where the provider is shut), and what the caller gets."""
    day = moscow_day(now)
    count = entry.count if entry.day == day else 0
    shut = closed(entry, pace, now)
    if shut is not None:
        return entry, shut
    slot = max(now, entry.next_free)
    if slot - now > patience:
        return entry, Shut(Why.PACED, slot - now)
    probe = entry.level > 0
    taken = replace(
        entry,
        next_free=slot + pace.min_interval,
        probe_until=slot + pace.probe_lease if probe else 0,
        day=day,
        count=count + 1,
    )
    return taken, Turn(slot - now, probe)


def closed(entry: Entry, pace: Pace, now: float) -> Shut | None:
    """Why nobody may ask now, pace aside; None: open."""
    if now < entry.closed_until:
        return Shut(Why.COOLING, entry.closed_until - now)
    if pace.daily_limit and entry.day == moscow_day(now) and entry.count >= pace.daily_limit:
        return Shut(Why.DAILY_LIMIT, seconds_to_midnight(now))
    if entry.level > 0 and now < entry.probe_until:
        return Shut(Why.PROBING, entry.probe_until - now)
    return None


def cooled(entry: Entry, pace: Pace, now: float, at_least: float = 0) -> Entry:
    """The entry after a captcha or a throttling.

    Requests that were under way together fail together: one that reports while the provider is
    closed already makes it no worse, unless it knows of a longer time.
    """
    if now < entry.closed_until:
        return replace(entry, closed_until=max(entry.closed_until, now + at_least))
    grown = min(pace.cooldown * 2 ** min(entry.level, MAX_DOUBLINGS), max(MAX_COOLDOWN_SEC, pace.cooldown))
    seconds = max(grown, at_least)
    if not seconds:
        # A probe that was in vain is over: whoever comes next is another one.
        return replace(entry, probe_until=0)
    return replace(entry, closed_until=now + seconds, level=entry.level + 1, probe_until=0)


def cleared(entry: Entry, now: float) -> Entry:
    """The entry after a probe's reply as it should be; what closed the provider meanwhile knows better."""
    if now < entry.closed_until:
        return entry
    return replace(entry, level=0, probe_until=0)


def moscow_day(now: float) -> str:
    """The day that the daily limit counts, as ISO date."""
    return datetime.fromtimestamp(now, MOSCOW).date().isoformat()


def seconds_to_midnight(now: float) -> float:
    """Until the count begins anew, Moscow time."""
    here = datetime.fromtimestamp(now, MOSCOW)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight.astimezone(UTC).timestamp() - now
