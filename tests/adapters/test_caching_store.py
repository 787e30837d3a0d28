import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.answers.caching_store import CACHED_SEC, CLOCK_SKEW_SEC, PENDING_SEC, CachingStore, TTLCache
from function.handler import handle
from function.outcomes import Answer, Answered, Deferred, Outcome, Reason
from function.ports import Claim, Pending, Ticket, Unavailable
from function.request import LookupRequest
from local_runtime.store import EmbeddedStore
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.stores import LEASE, StoreHarness, at_once, request
from tests.doubles import (
    FOUND,
    KNOWN,
    NOW,
    TICKET,
    FixedClock,
    MemoryAnswers,
    RecordingObserver,
    World,
    event,
    numbered,
)
from tests.servers.process import wait_for

NEVER = datetime.min.replace(tzinfo=UTC)
PERSONS = [request(number).person for number in range(5)]
LONG = 30


@dataclass
class OverEmbeddedStore:
    """CachingStore, and the other ports of the store under it."""

    answers: CachingStore
    store: EmbeddedStore

    def __getattr__(self, name: str) -> Any:
        return getattr(self.answers if hasattr(self.answers, name) else self.store, name)


class TestCachingStore(AnswerStoreContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[StoreHarness]:
        clock = FixedClock()

        def later(seconds: float) -> None:
            clock.time += timedelta(seconds=seconds)

        with (
            closing(EmbeddedStore(tmp_path / "inn.sqlite", lease=LEASE, clock=clock)) as store,
            closing(CachingStore(store, clock, RecordingObserver())) as answers,
        ):
            yield StoreHarness(cast("Any", OverEmbeddedStore(answers, store)), later, NOW)


@dataclass
class ErasedAnswers(MemoryAnswers):
    """A store in which somebody was erased at `erased`. A save for the requests of `faulty` is a bug."""

    erased: datetime = NEVER
    faulty: frozenset[str] = frozenset()
    renewed: list[list[Claim]] = field(default_factory=list)

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        if request.request_id in self.faulty:
            raise ZeroDivisionError
        super().save(claim, request, answer)

    def renew(self, claims: Sequence[Claim]) -> None:
        super().renew(claims)
        self.renewed.append(list(claims))

    def erased_since(self, time: datetime) -> bool:
        self._called("erased_since")
        return self.erased >= time


class Process:
    """The cache of one process over a store that can be unavailable."""

    def __init__(self, capacity: int = 2, lease: float = 3600) -> None:
        self.store = ErasedAnswers()
        self.world = World(self.store)
        self.clock = self.world.clock
        self.observer = RecordingObserver()
        self.answers = CachingStore(self.store, self.clock, self.observer, lease=lease, capacity=capacity)

    def close(self) -> None:
        self.store.down = frozenset()
        self.answers.close()

    def later(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)

    def lookup(self, number: int = 1, **changes: str) -> Outcome:
        return handle(event(**numbered(number) | changes), self.world.ports._replace(answers=self.answers))

    def lookup_while_down(self, call: str, *numbers: int) -> None:
        self.store.down = frozenset({call})
        for number in numbers or (1,):
            outcome = self.lookup(number)
            assert isinstance(outcome, Deferred)
            assert outcome.reason is Reason.STORE_UNAVAILABLE
        self.store.down = frozenset()

    def claim(self, number: int) -> Claim:
        claim = self.answers.find_or_claim(request(number).person)
        assert isinstance(claim, Claim)
        return claim

    @property
    def fetched(self) -> list[str]:
        return [asked.request_id for asked, _ in self.world.provider.asked]


@pytest.fixture
def process() -> Iterator[Process]:
    with closing(Process()) as process:
        yield process


@pytest.fixture
def maintained() -> Iterator[Process]:
    """A process whose maintenance comes every moment."""
    with closing(Process(lease=0.01)) as process:
        yield process


def cached(process: Process, number: int) -> list[Answer | None]:
    """The first persons' answers in memory."""
    return [process.answers.get_cached(person) for person in PERSONS[:number]]


def test_what_is_found_or_saved_is_cached_and_what_could_not_be_saved_is_not(process: Process) -> None:
    process.store.known[PERSONS[0]] = KNOWN
    assert cached(process, 1) == [None]
    assert process.answers.find_many(PERSONS[:2]) == {PERSONS[0]: KNOWN}
    assert cached(process, 2) == [KNOWN, None]
    assert process.store.calls == ["find_many"]
    process.answers.save(process.claim(1), request(1), KNOWN)
    process.store.down = frozenset({"save"})
    with pytest.raises(Unavailable):
        process.answers.save(process.claim(2), request(2), KNOWN)
    assert cached(process, 3) == [KNOWN, KNOWN, None]
    process.store.known[PERSONS[3]] = KNOWN
    assert process.answers.find_or_claim(PERSONS[3]) == KNOWN
    assert process.answers.get_cached(PERSONS[3]) == KNOWN


@pytest.mark.parametrize(("expires", "lasts"), [(None, CACHED_SEC), (CACHED_SEC + 1, CACHED_SEC), (5, 5)], ids=str)
def test_a_cached_answer_is_gone_after_a_while_or_when_it_expires(
    process: Process, expires: float | None, lasts: float
) -> None:
    answer = replace(KNOWN, expires_at=None if expires is None else NOW + timedelta(seconds=expires))
    process.store.known[PERSONS[0]] = answer
    process.answers.find_many(PERSONS[:1])
    process.later(lasts - 1)
    assert cached(process, 1) == [answer]
    process.later(1)
    assert cached(process, 1) == [None]


@pytest.mark.parametrize("still_down", [[], ["save", "save"], ["erased_since", "erased_since"]], ids=str)
def test_an_answer_that_could_not_be_saved_is_saved_by_the_next_lookup_that_can_and_not_fetched_again(
    process: Process, still_down: list[str]
) -> None:
    for call in ("save", *still_down):
        process.lookup_while_down(call)
    outcome = process.lookup()
    assert isinstance(outcome, Answered)
    assert process.store.known == {request().person: outcome.answer}
    assert process.fetched == ["r-1"]
    assert process.lookup() == outcome
    assert process.store.calls.count("save") == 2 + still_down.count("save")


def test_what_could_not_be_saved_because_of_a_bug_is_pending_as_well(process: Process) -> None:
    process.store.faulty = frozenset({"r-1"})
    with pytest.raises(ZeroDivisionError):
        process.lookup()
    process.store.faulty = frozenset()
    assert isinstance(process.lookup(), Answered)
    assert process.fetched == ["r-1"]


@pytest.mark.parametrize(
    ("erased", "later", "fetched"),
    [
        pytest.param(1, 0, ["r-1", "r-2"], id="after it was fetched"),
        pytest.param(0, 0, ["r-1", "r-2"], id="just then"),
        pytest.param(-CLOCK_SKEW_SEC, 0, ["r-1", "r-2"], id="just then, by a slow clock"),
        pytest.param(-CLOCK_SKEW_SEC - 1, 0, ["r-1"], id="long before"),
        pytest.param(-CLOCK_SKEW_SEC - 1, PENDING_SEC, ["r-1", "r-2"], id="long before, and long after"),
    ],
)
def test_once_anybody_was_erased_or_after_long_the_person_is_fetched_again_and_the_first_answer_is_not_written(
    process: Process, erased: float, later: float, fetched: list[str]
) -> None:
    process.lookup_while_down("save")
    process.store.erased = NOW + timedelta(seconds=erased)
    process.later(later)
    if later:
        process.store.claims.clear()
    assert isinstance(process.lookup(requestId="r-2"), Answered)
    assert process.fetched == fetched
    assert process.store.calls.count("save") == 2  # the one that failed, and the one that succeeded


def test_the_ticket_of_an_answer_that_may_have_been_erased_is_dropped(process: Process) -> None:
    process.store.tickets[request().person] = TICKET
    process.lookup_while_down("save")
    process.store.erased = NOW
    process.lookup()
    assert [ticket for _, ticket in process.world.provider.asked] == [TICKET, None]


@pytest.mark.parametrize(
    ("erased", "down", "calls"),
    [
        (NEVER, "", ["erased_since", "save", "erased_since", "save"]),
        (NOW, "", ["erased_since", "release", "erased_since", "release"]),
        (NEVER, "save", ["erased_since", "save"]),
        (NEVER, "erased_since", ["erased_since"]),
    ],
    ids=["the store is back", "anybody was erased", "nothing is saved", "the store is down"],
)
def test_close_makes_the_pending_saves(process: Process, erased: datetime, down: str, calls: list[str]) -> None:
    process.lookup_while_down("save", 1, 2)
    process.store.erased, process.store.down = erased, frozenset({down})
    process.store.calls.clear()
    process.answers.close()
    assert process.store.calls == calls
    assert bool(process.store.claims) == bool(down)


def test_of_too_many_pending_saves_the_oldest_is_discarded_and_one_that_fails_at_close_is_reported(
    process: Process,
) -> None:
    process.lookup_while_down("save", 1, 2, 3)
    process.store.faulty = frozenset({"r-2"})
    process.answers.close()
    assert set(process.store.known) == {request(3).person}
    [(where, error)] = process.observer.of("error")
    assert (where, type(error)) == ("close", ZeroDivisionError)


@pytest.mark.parametrize(
    ("again", "later", "ticket"),
    [
        pytest.param((), 0, TICKET, id="polled by the next lookup"),
        pytest.param(("release",), 0, TICKET, id="kept while the store is down"),
        pytest.param((), 180, None, id="of no use once it has expired"),
    ],
)
def test_a_ticket_that_could_not_be_kept_is(
    process: Process, again: tuple[str, ...], later: float, ticket: Ticket | None
) -> None:
    process.world.provider.replies = [Pending(TICKET, 1), FOUND]
    process.lookup_while_down("keep_ticket")
    assert process.store.tickets == {}
    for call in again:
        process.lookup_while_down(call)
    process.later(later)
    if later:
        process.store.claims.clear()
    assert isinstance(process.lookup(), Answered)
    assert [polled for _, polled in process.world.provider.asked] == [None, ticket]


def test_a_ticket_that_could_not_be_kept_replaces_no_pending_save(process: Process) -> None:
    lapsed, answer = process.claim(1), replace(KNOWN, fetched_at=NOW)
    process.store.claims.clear()
    process.store.down = frozenset({"save", "keep_ticket"})
    with pytest.raises(Unavailable):
        process.answers.save(process.claim(1), request(1), answer)
    with pytest.raises(Unavailable):
        process.answers.keep_ticket(lapsed, TICKET, 1)
    process.store.down = frozenset()
    assert process.answers.find_or_claim(PERSONS[1]) == answer


def test_close_releases_the_claims_that_are_held_with_their_tickets_and_no_others_and_asks_a_store_that_is_down_once(
    process: Process,
) -> None:
    process.store.tickets[PERSONS[1]] = TICKET
    for number in (0, 1):
        process.claim(number)
    process.answers.release(process.claim(2))
    process.answers.save(process.claim(3), request(3), KNOWN)
    process.answers.keep_ticket(process.claim(4), TICKET, 1)
    process.world.provider.replies = [Pending(TICKET, 1)]
    process.lookup_while_down("keep_ticket", 5)
    process.store.calls.clear()
    process.store.down = frozenset({"release"})
    process.answers.close()
    assert process.store.calls == ["release"]
    process.store.calls.clear()
    process.store.down = frozenset()
    process.answers.close()
    assert process.store.calls == ["release"] * 3
    assert process.store.claims == {}
    assert process.store.tickets == dict.fromkeys([PERSONS[1], PERSONS[4], request(5).person], TICKET)


def test_claims_that_are_held_are_renewed_until_they_end(maintained: Process) -> None:
    claims = [maintained.claim(number) for number in (0, 1)]
    wait_for(lambda: claims in maintained.store.renewed, within=LONG, what="a renewal of both")
    maintained.answers.release(claims[0])
    wait_for(lambda: maintained.store.renewed[-1] == claims[1:], within=LONG, what="a renewal of the other")
    maintained.answers.keep_ticket(claims[1], TICKET, 1)
    third = maintained.claim(2)
    wait_for(lambda: maintained.store.renewed[-1] == [third], within=LONG, what="a renewal of the third alone")


def test_an_outage_or_a_bug_does_not_end_the_renewals(maintained: Process) -> None:
    maintained.store.down = frozenset({"renew"})
    claim = maintained.claim(0)
    wait_for(lambda: maintained.store.calls.count("renew") > 1, within=LONG, what="another try")
    maintained.store.down = frozenset()
    wait_for(lambda: [claim] in maintained.store.renewed, within=LONG, what="a renewal")
    maintained.store.renewed = cast("Any", None)
    wait_for(lambda: maintained.observer.of("error"), within=LONG, what="the bug to be reported")
    maintained.store.renewed = []
    wait_for(lambda: maintained.store.renewed, within=LONG, what="a renewal after the bug")


def test_nobody_stays_in_an_idle_process(maintained: Process) -> None:
    maintained.store.known[PERSONS[0]] = KNOWN
    maintained.answers.find_many(PERSONS[:1])
    maintained.lookup_while_down("save", 1)
    maintained.world.provider.replies = [Pending(TICKET, 1)]
    maintained.lookup_while_down("keep_ticket", 2)
    caches: list[TTLCache[Any]] = [cache for cache in vars(maintained.answers).values() if isinstance(cache, TTLCache)]
    assert sum(len(cache._entries) for cache in caches) == 3
    maintained.later(PENDING_SEC)
    wait_for(lambda: not any(cache._entries for cache in caches), within=LONG, what="the caches to be empty")


def test_steps_are_timed_whether_they_fail_or_not(process: Process) -> None:
    process.answers.find_many(PERSONS[:1])
    process.answers.keep_ticket(process.claim(0), TICKET, 1)
    process.lookup_while_down("save", 1)
    steps = process.observer.of("step")
    assert [name for name, seconds in steps if seconds >= 0] == ["find", "claim", "save", "claim", "save"]


def test_many_threads_use_the_cache_side_by_side_and_what_is_put_again_is_among_the_newest() -> None:
    cache: TTLCache[str] = TTLCache(FixedClock(), 3)
    soon = NOW + timedelta(minutes=1)

    def work(turn: int) -> None:
        for number in range(200):
            cache.put(request((number + turn) % 40).person, "value", NOW if number % 2 else soon)
            cache.pop(PERSONS[number % 5])
            cache.prune()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    at_once(work, 16)
    sys.setswitchinterval(before)
    assert len(cache.prune()) <= 3
    for number in (1, 2, 3, 1, 4):
        cache.put(PERSONS[number], "value", soon)
    assert [number for number in range(5) if cache.get(PERSONS[number])] == [1, 3, 4]
