import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import pytest

from adapters.runtime.lookup_runner import LookupRunner
from function.event import Event
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected
from function.person import Person
from function.ports import Invalid, Pending, Ports, Ticket, Unavailable, Verdict
from function.request import LookupRequest
from tests.doubles import (
    FOUND,
    KNOWN,
    NOW,
    TICKET,
    MemoryAnswers,
    RecordingObserver,
    ScriptedProvider,
    World,
    event,
    request,
)

T = TypeVar("T")


def person(number: int) -> Event:
    return event(requestId=f"r-{number}", documentNumber=f"{100000 + number}")


def asked_for(number: int) -> LookupRequest:
    return request(requestId=f"r-{number}", documentNumber=f"{100000 + number}")


def run(work: Callable[[LookupRunner], Awaitable[T]], world: World, observer: RecordingObserver | None = None) -> T:
    return asyncio.run(_over(world.answers, world.ports, work, observer or RecordingObserver()))


async def _over(
    answers: MemoryAnswers, ports: Ports, work: Callable[[LookupRunner], Awaitable[T]], observer: RecordingObserver
) -> T:
    lookups = LookupRunner(answers, ports, 4, observer)
    try:
        return await work(lookups)
    finally:
        lookups.close(within=5)


class Cached(MemoryAnswers):
    def get_cached(self, person: Person) -> Answer | None:
        return self.known.get(person)


def test_what_this_process_has_is_answered_without_the_store() -> None:
    world = World(Cached(known={request().person: KNOWN}))
    assert run(lambda lookups: lookups.answer_cached([event()]), world) == [Answered(request(), KNOWN, cached=True)]
    assert world.answers.calls == []


def test_the_cached_attempt_reads_all_events_in_one_round_trip_and_asks_nobody() -> None:
    world = World(MemoryAnswers(known={asked_for(1).person: KNOWN}))
    outcomes = run(lambda lookups: lookups.answer_cached([person(0), person(1), Event(b"[]")]), world)
    assert outcomes[:2] == [
        Deferred(asked_for(0), Reason.NOT_CACHED),
        Answered(asked_for(1), KNOWN, cached=True),
    ]
    assert isinstance(outcomes[2], Rejected)
    assert world.answers.calls == ["find_many"]
    assert world.provider.asked == []


def test_a_store_that_cannot_be_read_defers_the_cached_attempt() -> None:
    world = World(MemoryAnswers(down=frozenset({"find_many"})))
    outcomes = run(lambda lookups: lookups.answer_cached([event()]), world)
    assert outcomes == [Deferred(request(), Reason.STORE_UNAVAILABLE, 7)]


class Damaged(MemoryAnswers):
    """One person's answer cannot be read."""

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        if asked_for(3).person in persons:
            raise ZeroDivisionError
        return super().find_many(persons)


async def cached_together(lookups: LookupRunner) -> list[list[Outcome]]:
    return await asyncio.gather(*(lookups.answer_cached([person(number)]) for number in range(6)))


def test_one_answer_that_cannot_be_read_spoils_no_other_call_of_its_batch() -> None:
    observer = RecordingObserver()
    outcomes = run(cached_together, World(Damaged()), observer)
    spoilt = [Deferred(asked_for(number), Reason.NOT_CACHED) for number in range(6)]
    spoilt[3] = Deferred(asked_for(3), Reason.INTERNAL_ERROR)
    assert [outcome for (outcome,) in outcomes] == spoilt
    assert [type(error) for _, error in observer.of("error")] == [ZeroDivisionError]


async def cached_as_they_are_read(lookups: LookupRunner) -> list[list[Outcome]]:
    """Each next one comes a turn of the loop later, as from sockets that are read one after the other."""
    calls = []
    for number in range(6):
        calls.append(asyncio.create_task(lookups.answer_cached([person(number)])))
        await asyncio.sleep(0)
    return await asyncio.gather(*calls)


@pytest.mark.parametrize("calls", [cached_together, cached_as_they_are_read])
def test_calls_that_are_here_share_one_round_trip(
    calls: Callable[[LookupRunner], Awaitable[list[list[Outcome]]]],
) -> None:
    world = World()
    run(calls, world)
    assert world.answers.calls == ["find_many"]


def test_a_call_that_is_given_up_takes_no_other_one_of_its_batch_with_it() -> None:
    async def give_one_up(lookups: LookupRunner) -> list[Outcome]:
        first, second = (asyncio.create_task(lookups.answer_cached([person(number)])) for number in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    world = World()
    assert run(give_one_up, world) == [Deferred(asked_for(1), Reason.NOT_CACHED)]
    assert world.answers.calls == ["find_many"]


def test_a_pending_lookup_is_polled_until_it_ends() -> None:
    world = World(provider=ScriptedProvider([Pending(TICKET, 0.001), Pending(TICKET, 0.001), FOUND]))
    holds: list[Outcome] = []
    outcome = run(lambda lookups: lookups.resolve(event(), on_hold=holds.append), world)
    assert isinstance(outcome, Answered)
    assert holds == [Deferred(request(), Reason.PENDING, 0.001)] * 2
    assert [ticket for _, ticket in world.provider.asked] == [None, TICKET, TICKET]


def test_another_workers_lookup_is_waited_for() -> None:
    world = World()
    claim = world.answers.find_or_claim(request().person)

    def save(outcome: Outcome) -> None:
        assert outcome == InProgress(request())
        assert claim is not None
        world.answers.claims.clear()
        world.answers.known[request().person] = KNOWN

    outcome = run(lambda lookups: lookups.resolve(event(), on_hold=save), world)
    assert outcome == Answered(request(), KNOWN, cached=True)


@pytest.mark.parametrize(
    "reason", [Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.THROTTLED], ids=lambda reason: reason.value
)
def test_a_failure_ends_it_at_once(reason: Reason) -> None:
    world = World(provider=ScriptedProvider([Unavailable(reason, 3)]))
    assert run(lambda lookups: lookups.resolve(event()), world) == Deferred(request(), reason, 3)
    assert len(world.provider.asked) == 1


def test_a_bug_is_reported_and_is_a_failure() -> None:
    world = World(provider=ScriptedProvider([ZeroDivisionError()]))
    observer = RecordingObserver()
    outcome = run(lambda lookups: lookups.resolve(event()), world, observer)
    assert outcome == Deferred(request(), Reason.INTERNAL_ERROR)
    assert [type(error) for _, error in observer.of("error")] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Pending(TICKET, 60), Deferred(request(), Reason.PENDING, 60)),
        (Unavailable(Reason.PROVIDER_CLOSED, 60), Deferred(request(), Reason.PROVIDER_CLOSED, 60)),
    ],
    ids=["pending", "closed"],
)
def test_with_a_deadline_nobody_waits_for_what_cannot_come_in_time(
    reply: Pending | Unavailable, outcome: Outcome
) -> None:
    async def resolve(lookups: LookupRunner) -> Outcome:
        return await lookups.resolve(event(), asyncio.get_running_loop().time() + 30)

    assert run(resolve, World(provider=ScriptedProvider([reply]))) == outcome


def test_at_the_deadline_the_last_outcome_is_given() -> None:
    async def resolve(lookups: LookupRunner) -> Outcome:
        return await lookups.resolve(event(), asyncio.get_running_loop().time() + 0.05)

    world = World()
    world.answers.find_or_claim(request().person)
    assert run(resolve, world) == InProgress(request())


class Slow(Cached):
    """A store whose reads wait for `opened`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        self.opened.wait(30)
        return super().find_many(persons)


def test_a_read_of_the_store_that_lasts_ends_an_answer_at_its_deadline_and_no_other_call() -> None:
    store = Slow()

    async def answer(lookups: LookupRunner) -> Outcome:
        patient = asyncio.create_task(lookups.answer_cached([person(1)]))
        outcome = await lookups.answer(event(), 0.01)
        store.opened.set()
        assert await patient == [Deferred(asked_for(1), Reason.NOT_CACHED)]
        return outcome

    assert run(answer, World(store)) == Deferred(request(), Reason.DEADLINE)


class Paced:
    """An InnProvider that denies the first `denials` permits, and counts how many ask at a time."""

    def __init__(self, denials: int) -> None:
        self.asked: list[str] = []
        self._denials = denials
        self._lock = threading.Lock()

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        with self._lock:
            self.asked.append(request.request_id)
            if self._denials:
                self._denials -= 1
                raise Unavailable(Reason.PROVIDER_CLOSED, 0.01)
        return FOUND


def test_after_a_denied_permit_fetches_go_one_at_a_time_in_the_order_in_which_they_came() -> None:
    provider = Paced(denials=3)

    async def resolve_all(lookups: LookupRunner) -> list[Outcome]:
        denied = asyncio.Event()
        first = asyncio.create_task(lookups.resolve(person(0), on_hold=lambda _: denied.set()))
        await denied.wait()
        others = [asyncio.create_task(lookups.resolve(person(number))) for number in range(1, 4)]
        return list(await asyncio.gather(first, *others))

    world = World()
    ports = world.ports._replace(provider=provider)
    outcomes = asyncio.run(_over(world.answers, ports, resolve_all, RecordingObserver()))
    assert all(isinstance(outcome, Answered) for outcome in outcomes)
    answered = list(dict.fromkeys(reversed(provider.asked)))[::-1]
    assert answered == ["r-0", "r-1", "r-2", "r-3"]
    assert len(provider.asked) == 7


def test_a_stop_ends_every_wait_with_the_last_outcome() -> None:
    async def stop(lookups: LookupRunner) -> list[Outcome]:
        held = asyncio.Event()
        waiting = asyncio.create_task(lookups.resolve(event(), on_hold=lambda _: held.set()))
        await held.wait()
        lookups.stop()
        return [await waiting, await lookups.resolve(person(2))]

    outcomes = run(stop, World(provider=ScriptedProvider([Pending(TICKET, 3600)])))
    assert outcomes[0] == Deferred(request(), Reason.PENDING, 3600)
    assert isinstance(outcomes[1], Deferred)


def test_a_thousand_pending_lookups_need_no_thread_each() -> None:
    async def hold_all(lookups: LookupRunner) -> int:
        before = set(threading.enumerate())
        all_held = asyncio.Event()
        held: list[Outcome] = []

        def on_hold(outcome: Outcome) -> None:
            held.append(outcome)
            if len(held) == 1000:
                all_held.set()

        tasks = [asyncio.create_task(lookups.resolve(person(number), on_hold=on_hold)) for number in range(1000)]
        await all_held.wait()
        threads = len(set(threading.enumerate()) - before)
        lookups.stop()
        await asyncio.gather(*tasks)
        return threads

    ticket = TICKET._replace(expires_at=NOW + timedelta(hours=2))
    assert run(hold_all, World(provider=ScriptedProvider([Pending(ticket, 3600)]))) <= 4
