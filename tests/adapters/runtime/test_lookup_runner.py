import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import pytest

from adapters.runtime.lookup_runner import LookupRunner, drain_sockets
from function.event import Event
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected
from function.person import Person
from function.ports import Invalid, Pending, Ticket, Unavailable, Verdict
from function.request import LookupRequest
from tests.doubles import (
    FOUND,
    KNOWN,
    TICKET,
    MemoryAnswers,
    RecordingObserver,
    ScriptedProvider,
    World,
    event,
    numbered,
    request,
)

Run = Callable[[World], LookupRunner]
EVENTS = [event(**numbered(number)) for number in range(6)]
REQUESTS = [request(**numbered(number)) for number in range(6)]
UNKNOWN: list[Outcome] = [Deferred(each, Reason.NOT_CACHED) for each in REQUESTS]


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


@pytest.fixture
def run(observer: RecordingObserver) -> Iterator[Run]:
    """Runs lookups in a world."""
    with ExitStack() as stack:

        def running(world: World) -> LookupRunner:
            lookups = LookupRunner(world.answers, world.ports, 4, observer)
            stack.callback(lookups.close, within=5)
            return lookups

        yield running


class Cached(MemoryAnswers):
    def get_cached(self, person: Person) -> Answer | None:
        return self.known.get(person)


async def test_what_this_process_has_is_answered_without_the_store(run: Run) -> None:
    world = World(Cached(known={request().person: KNOWN}))
    assert await run(world).answer_cached([event()]) == [Answered(request(), KNOWN, cached=True)]
    assert world.answers.calls == []


async def test_the_cached_attempt_reads_all_events_in_one_round_trip_and_asks_nobody(run: Run) -> None:
    world = World(MemoryAnswers(known={REQUESTS[1].person: KNOWN}))
    *outcomes, wrong = await run(world).answer_cached([*EVENTS[:2], Event(b"[]")])
    assert outcomes == [UNKNOWN[0], Answered(REQUESTS[1], KNOWN, cached=True)]
    assert isinstance(wrong, Rejected)
    assert world.answers.calls == ["find_many"]
    assert world.provider.asked == []


async def test_a_store_that_cannot_be_read_defers_the_cached_attempt(run: Run) -> None:
    world = World(MemoryAnswers(down=frozenset({"find_many"})))
    assert await run(world).answer_cached([event()]) == [Deferred(request(), Reason.STORE_UNAVAILABLE, 7)]


class Damaged(MemoryAnswers):
    """One person's answer cannot be read."""

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        if REQUESTS[3].person in persons:
            raise ZeroDivisionError
        return super().find_many(persons)


async def answer_all(lookups: LookupRunner, *, a_turn_apart: bool = False) -> list[Outcome]:
    """Each in a call of its own; a turn of the loop apart, as from sockets that are read one after the other."""
    calls = []
    for each in EVENTS:
        calls.append(asyncio.create_task(lookups.answer_cached([each])))
        if a_turn_apart:
            await asyncio.sleep(0)
    return [outcome for (outcome,) in await asyncio.gather(*calls)]


async def test_one_answer_that_cannot_be_read_spoils_no_other_call_of_its_batch(
    run: Run, observer: RecordingObserver
) -> None:
    spoilt = UNKNOWN.copy()
    spoilt[3] = Deferred(REQUESTS[3], Reason.INTERNAL_ERROR)
    assert await answer_all(run(World(Damaged()))) == spoilt
    assert [type(error) for _, error in observer.of("error")] == [ZeroDivisionError]


@pytest.mark.parametrize("a_turn_apart", [False, True])
async def test_calls_that_are_here_share_one_round_trip(run: Run, *, a_turn_apart: bool) -> None:
    world = World()
    assert await answer_all(run(world), a_turn_apart=a_turn_apart) == UNKNOWN
    assert world.answers.calls == ["find_many"]


async def test_a_pending_lookup_is_polled_until_it_ends(run: Run) -> None:
    world = World(provider=ScriptedProvider([Pending(TICKET, 0.001), Pending(TICKET, 0.001), FOUND]))
    holds: list[Outcome] = []
    assert isinstance(await run(world).resolve(event(), on_hold=holds.append), Answered)
    assert holds == [Deferred(request(), Reason.PENDING, 0.001)] * 2
    assert [ticket for _, ticket in world.provider.asked] == [None, TICKET, TICKET]


async def test_another_workers_lookup_is_waited_for(run: Run) -> None:
    world = World()
    world.answers.find_or_claim(request().person)

    def save(outcome: Outcome) -> None:
        assert outcome == InProgress(request())
        world.answers.claims.clear()
        world.answers.known[request().person] = KNOWN

    assert await run(world).resolve(event(), on_hold=save) == Answered(request(), KNOWN, cached=True)


@pytest.mark.parametrize("reason", [Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.THROTTLED])
async def test_a_failure_ends_it_at_once(run: Run, reason: Reason) -> None:
    world = World(provider=ScriptedProvider([Unavailable(reason, 3)]))
    assert await run(world).resolve(event()) == Deferred(request(), reason, 3)
    assert len(world.provider.asked) == 1


async def test_a_bug_is_reported_and_is_a_failure(run: Run, observer: RecordingObserver) -> None:
    world = World(provider=ScriptedProvider([ZeroDivisionError()]))
    assert await run(world).resolve(event()) == Deferred(request(), Reason.INTERNAL_ERROR)
    assert [type(error) for _, error in observer.of("error")] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(Pending(TICKET, 60), Reason.PENDING), (Unavailable(Reason.PROVIDER_CLOSED, 60), Reason.PROVIDER_CLOSED)],
    ids=["pending", "closed"],
)
async def test_with_a_deadline_nobody_waits_for_what_cannot_come_in_time(
    run: Run, reply: Pending | Unavailable, reason: Reason
) -> None:
    lookups = run(World(provider=ScriptedProvider([reply])))
    deadline = asyncio.get_running_loop().time() + 30
    assert await lookups.resolve(event(), deadline) == Deferred(request(), reason, 60)
    waiting = asyncio.create_task(lookups.resolve(EVENTS[1]))
    await asyncio.sleep(0)
    assert isinstance(await lookups.resolve(event(lastName="")), Rejected), "an invalid one waits for nobody"
    lookups.stop()
    await waiting


async def test_at_the_deadline_the_last_outcome_is_given(run: Run) -> None:
    world = World()
    world.answers.find_or_claim(request().person)
    assert await run(world).resolve(event(), asyncio.get_running_loop().time() + 0.05) == InProgress(request())


class Slow(Cached):
    """A store whose reads wait for `opened`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        self.opened.wait(30)
        return super().find_many(persons)


async def test_a_read_of_the_store_that_lasts_ends_an_answer_at_its_deadline_and_no_other_call(run: Run) -> None:
    store = Slow()
    lookups = run(World(store))
    patient = asyncio.create_task(lookups.answer_cached([EVENTS[1]]))
    assert await lookups.answer(event(), 0.01) == Deferred(request(), Reason.DEADLINE)
    store.opened.set()
    assert await patient == [UNKNOWN[1]]


class Paced(ScriptedProvider):
    """Denies the first three permits. Two requests at a time are expected where `meeting` is set."""

    def __init__(self) -> None:
        super().__init__([*[Unavailable(Reason.PROVIDER_CLOSED, 0.01)] * 3, FOUND])
        self._lock = threading.Lock()
        self.meeting: threading.Barrier | None = None

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        if self.meeting is not None:
            self.meeting.wait(10)
        with self._lock:
            return super().ask(request, ticket)


async def test_after_a_denied_permit_fetches_go_one_at_a_time_in_the_order_in_which_they_came(run: Run) -> None:
    provider = Paced()
    world = World(provider=provider)
    lookups, denied = run(world), asyncio.Event()
    first = asyncio.create_task(lookups.resolve(EVENTS[0], on_hold=lambda _: denied.set()))
    await denied.wait()
    outcomes = await asyncio.gather(first, *map(lookups.resolve, EVENTS[1:4]))
    assert all(isinstance(outcome, Answered) for outcome in outcomes)
    asked = [request.request_id for request, _ in world.provider.asked]
    assert list(dict.fromkeys(reversed(asked)))[::-1] == ["r-0", "r-1", "r-2", "r-3"]
    assert len(asked) == 7
    provider.meeting = threading.Barrier(2)  # afterwards they go at the same time again
    assert all(isinstance(each, Answered) for each in await asyncio.gather(*map(lookups.resolve, EVENTS[4:])))


async def test_a_stop_ends_every_wait_with_the_last_outcome(run: Run) -> None:
    """They are more than there are threads: what is pending waits in none."""
    lookups, held = run(World(provider=ScriptedProvider([Pending(TICKET, 3600)]))), asyncio.Semaphore(0)
    waiting = [asyncio.create_task(lookups.resolve(each, on_hold=lambda _: held.release())) for each in EVENTS]
    for _ in EVENTS:
        await held.acquire()
    lookups.stop()
    assert await asyncio.gather(*waiting) == [Deferred(each, Reason.PENDING, 3600) for each in REQUESTS]
    assert isinstance(await lookups.resolve(EVENTS[2]), Deferred)


@pytest.mark.parametrize(
    ("arrivals", "most", "turns", "there"),
    [
        pytest.param([], 9, 2, 1, id="nobody else comes"),
        pytest.param([1, 0, 1, 0, 1], 9, 2, 4, id="all who come without a gap"),
        pytest.param([1, 0, 0, 0, 1], 9, 2, 2, id="who comes after a gap is not waited for"),
        pytest.param([1, 0, 0, 0, 1], 9, 4, 3, id="a gap of fewer turns"),
        pytest.param([1] * 20, 9, 2, 9, id="enough are here"),
        pytest.param([3, 3, 3], 2, 2, 7, id="more than enough come at once"),
    ],
)
async def test_draining_ends_when_the_loop_brings_no_more(
    arrivals: list[int], most: int, turns: int, there: int
) -> None:
    """`arrivals`: how many come in each turn of the loop; `there`: how many are there when it returns."""
    waiting = [0]

    async def arrive() -> None:
        for count in arrivals:
            waiting.extend(range(count))
            await asyncio.sleep(0)

    arriving = asyncio.create_task(arrive())
    await drain_sockets(waiting, most, turns)
    assert len(waiting) == there
    await arriving
