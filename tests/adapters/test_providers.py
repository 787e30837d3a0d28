"""Providers: whom to ask, and when."""

from dataclasses import dataclass, field

import pytest

from adapters.providers import Manners, Providers
from function.contract import LookupRequest
from function.observing import Silent
from function.outcomes import Reason, Status
from function.pacing import Again, Pace, Reply, Throttled
from function.ports import Unavailable, Verdict
from tests.adapters.memory_book import MemoryBook
from tests.adapters.nalog.people import request

NOON = 1_782_900_000.0
FOUND = Verdict(Status.FOUND, "770000000082", "nalog")
PACE = Pace(min_interval=1, cooldown=20, daily_limit=0, probe_lease=60)


@dataclass
class Upstream:
    """Says in turn what it was told to say, the last for ever."""

    name: str
    says: list[Reply | Exception]
    asked: int = 0
    passports_only: bool = False

    def serves(self, request: LookupRequest) -> bool:
        return not self.passports_only or request.document_type == "21"

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        self.asked += 1
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return said


@dataclass
class Clock:
    now: float = NOON
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def providers(clock: Clock, *upstreams: Upstream, patience: float = 0, pace: Pace = PACE) -> Providers:
    book = MemoryBook(lambda: clock.now)
    manners = Manners(patience, clock.sleep, lambda: clock.now)
    return Providers([(upstream, pace) for upstream in upstreams], book, Silent(), manners)


def test_an_open_provider_is_asked_and_its_word_is_given_back() -> None:
    assert providers(Clock(), Upstream("nalog", [Reply(FOUND)])).ask(request()) == FOUND


def test_a_request_that_throttles_one_provider_goes_to_the_next() -> None:
    tax, paid = Upstream("nalog", [Throttled()]), Upstream("apifns", [Reply(FOUND)])
    assert providers(Clock(), tax, paid).ask(request()) == FOUND
    assert (tax.asked, paid.asked) == (1, 1)


def test_a_throttled_provider_is_left_alone_until_its_cool_down_ends() -> None:
    clock, tax = Clock(), Upstream("nalog", [Throttled(), Reply(FOUND)])
    asking = providers(clock, tax)
    for wait in (20, 19):
        with pytest.raises(Unavailable) as no:
            asking.ask(request())
        assert (no.value.reason, no.value.retry_after) == (Reason.PROVIDER_CLOSED, wait)
        clock.now += 1
    assert tax.asked == 1
    clock.now += 18
    assert asking.ask(request()) == FOUND
