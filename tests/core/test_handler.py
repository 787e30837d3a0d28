from datetime import timedelta

import pytest

from function.event import Event
from function.handler import PrefetchedAnswers, handle
from function.outcomes import Answer, Answered, Deferred, FieldError, InProgress, Reason, Rejected, Status
from function.person import Person
from function.ports import Invalid, Lifetimes, Pending, Throttled, Ticket, Unavailable, Verdict
from function.telemetry import Observer
from tests.doubles import (
    FOUND,
    INN,
    KNOWN,
    NOW,
    TICKET,
    FixedClock,
    MemoryAnswers,
    ScriptedProvider,
    World,
    event,
    request,
)


def test_a_cached_answer_costs_one_call_and_nothing_else() -> None:
    world = World(MemoryAnswers(known={request().person: KNOWN}))
    assert handle(event(), world.ports) == Answered(request(), KNOWN, cached=True)
    assert world.answers.calls == ["find_or_claim"]
    assert world.provider.asked == []


def test_a_new_person_is_claimed_asked_for_and_kept() -> None:
    world, arrived = World(), event()
    first = arrived.request(world.clock)
    outcome = handle(arrived, world.ports)
    assert arrived.request(world.clock) is first, "it is parsed once"
    answer = Answer(Status.FOUND, INN, "nalog", NOW, NOW + timedelta(days=30))
    assert outcome == Answered(request(), answer, cached=False)
    assert world.answers.calls == ["find_or_claim", "save"]
    assert world.answers.known == {request().person: answer}
    assert handle(event(requestId="r-2"), world.ports) == Answered(request(requestId="r-2"), answer, cached=True)
    assert len(world.provider.asked) == 1


def test_a_pending_lookup_is_polled_with_its_ticket_until_it_ends() -> None:
    later = TICKET._replace(polls=1)
    world = World(provider=ScriptedProvider([Pending(TICKET, 1), Pending(later, 2), FOUND]))
    assert handle(event(), world.ports) == Deferred(request(), Reason.PENDING, 1)
    assert world.answers.claims == {}
    assert handle(event(requestId="r-2"), world.ports) == Deferred(request(requestId="r-2"), Reason.PENDING, 2)
    outcome = handle(event(), world.ports)
    assert isinstance(outcome, Answered)
    assert [ticket for _, ticket in world.provider.asked] == [None, TICKET, later]
    assert world.answers.calls == ["find_or_claim", "keep_ticket"] * 2 + ["find_or_claim", "save"]
    assert world.answers.tickets == {}


@pytest.mark.parametrize("status", [Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS])
def test_who_has_no_single_inn_is_kept_for_the_shorter_time_and_without_a_lifetime_an_answer_stays(
    status: Status,
) -> None:
    verdict = Verdict(status, INN if status is Status.FOUND else "", "nalog")
    lasts = timedelta(days=30) if status is Status.FOUND else timedelta(hours=24)
    for lifetimes, expires_at in ((World().lifetimes, NOW + lasts), (Lifetimes(found=None, absent=None), None)):
        world = World(provider=ScriptedProvider([verdict]), lifetimes=lifetimes)
        outcome = handle(event(), world.ports)
        assert isinstance(outcome, Answered)
        assert outcome.answer == Answer(status, verdict.inn, "nalog", NOW, expires_at)


def test_neither_a_wrong_request_nor_another_workers_fetch_asks_anybody() -> None:
    world = World()
    assert handle(event(lastName=...), world.ports) == Rejected("r-1", (FieldError("lastName", "is required"),))
    assert world.answers.calls == []
    world.answers.find_or_claim(request().person)
    assert handle(event(), world.ports) == InProgress(request())
    assert world.provider.asked == []


AWAY, CLOSED = Unavailable(Reason.PROVIDER_UNAVAILABLE, 3), Unavailable(Reason.PROVIDER_CLOSED, 20)
BAD, WRONG = Deferred(request(), Reason.BAD_REPLY), (FieldError("documentNumber", "нет такого"),)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        pytest.param(AWAY, Deferred(request(), Reason.PROVIDER_UNAVAILABLE, 3), id="unavailable"),
        pytest.param(CLOSED, Deferred(request(), Reason.PROVIDER_CLOSED, 20), id="closed"),
        pytest.param(Throttled(5), Deferred(request(), Reason.THROTTLED, 5), id="throttled"),
        pytest.param(Verdict(Status.FOUND, "770000000083", "nalog"), BAD, id="an INN with a wrong check digit"),
        pytest.param(Verdict(Status.FOUND, "", "nalog"), BAD, id="found without an INN"),
        pytest.param(Invalid(WRONG), Rejected("r-1", WRONG), id="invalid by field"),
    ],
)
def test_what_is_no_answer_is_never_kept_and_frees_the_person_and_drops_the_ticket(
    reply: Verdict | Invalid | BaseException, outcome: Deferred | Rejected
) -> None:
    for ticket in ({}, {request().person: TICKET}):
        world = World(MemoryAnswers(tickets=ticket), ScriptedProvider([reply]))
        assert handle(event(), world.ports) == outcome
        assert (world.answers.known, world.answers.claims, world.answers.tickets) == ({}, {}, {})
    away = World(MemoryAnswers(down=frozenset({"release"})), ScriptedProvider([reply]))
    assert handle(event(), away.ports) == outcome


@pytest.mark.parametrize("down", [(), ("release",)], ids=["the store is there", "the claim cannot be given back"])
def test_a_bug_in_a_provider_is_not_caught_but_frees_the_person_and_keeps_the_ticket(down: tuple[str, ...]) -> None:
    answers = MemoryAnswers(tickets={request().person: TICKET}, down=frozenset(down))
    world = World(answers, ScriptedProvider([ZeroDivisionError()]))
    with pytest.raises(ZeroDivisionError):
        handle(event(), world.ports)
    assert bool(world.answers.claims) == bool(down)
    assert world.answers.tickets == {request().person: TICKET}


@pytest.mark.parametrize("call", ["find_or_claim", "save", "keep_ticket"])
def test_a_store_that_is_away_defers(call: str) -> None:
    reply = Pending(TICKET, 1) if call == "keep_ticket" else FOUND
    world = World(MemoryAnswers(down=frozenset({call})), ScriptedProvider([reply]))
    assert handle(event(), world.ports) == Deferred(request(), Reason.STORE_UNAVAILABLE, 7)


def test_who_was_born_today_in_kamchatka_is_not_from_the_future() -> None:
    world = World(clock=FixedClock(NOW.replace(hour=13)))
    assert isinstance(handle(event(birthDate="2026-05-05"), world.ports), Answered)
    assert isinstance(handle(event(birthDate="2026-05-06"), world.ports), Rejected)


@pytest.mark.parametrize(
    ("known", "missing", "outcome"),
    [
        ({request().person: KNOWN}, None, Answered(request(), KNOWN, cached=True)),
        ({}, None, Deferred(request(), Reason.NOT_CACHED)),
        ({}, Unavailable(Reason.STORE_UNAVAILABLE, 7), Deferred(request(), Reason.STORE_UNAVAILABLE, 7)),
    ],
    ids=["read before", "not cached", "the store could not be read"],
)
def test_a_cached_attempt_asks_nobody(
    known: dict[Person, Answer], missing: Unavailable | None, outcome: Answered | Deferred
) -> None:
    world = World()
    ports = world.ports._replace(answers=PrefetchedAnswers(world.answers, known, missing))
    assert handle(event(), ports) == outcome
    assert (world.answers.calls, world.provider.asked) == ([], [])


def test_a_ticket_comes_back_as_it_was_written_and_no_text_shows_a_secret_or_a_person() -> None:
    ticket = Ticket("nalog", "СЕКРЕТ-0A1B", NOW, polls=3, refusals=1)
    assert Ticket.from_json(ticket.to_json()) == ticket
    assert "0A1B" not in repr(ticket)
    assert repr(Event(b'{"lastName": "X"}', "id-1")) == "Event(...)"


def test_the_observer_that_reports_nothing_hands_a_trace_on_as_it_came() -> None:
    with Observer().span("lookup", "00-trace") as traceparent:
        assert traceparent == "00-trace"
