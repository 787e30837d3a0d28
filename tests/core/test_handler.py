from datetime import timedelta

import pytest

from function.handler import broken, handle, handle_missed
from function.outcomes import Answer, Answered, Deferred, FieldError, InProgress, Reason, Rejected, Status
from function.ports import Invalid, Lifetimes, Unavailable, Verdict
from tests.core.worlds import INN, KNOWN, NOW, Answers, Provider, StoppedClock, World, event, request


def test_a_cached_answer_costs_one_read_and_nothing_else() -> None:
    world = World(Answers(known={request().person: KNOWN}))
    assert handle(event(), world.ports) == Answered(request(), KNOWN, cached=True)
    assert world.answers.calls == ["find"]
    assert world.provider.asked == []


def test_a_new_person_is_claimed_asked_for_and_kept() -> None:
    world = World()
    outcome = handle(event(), world.ports)
    answer = Answer(Status.FOUND, INN, "nalog", NOW, NOW + timedelta(days=30))
    assert outcome == Answered(request(), answer, cached=False)
    assert world.answers.calls == ["find", "claim", "save"]
    assert world.answers.known == {request().person: answer}
    assert handle(event(requestId="r-2"), world.ports) == Answered(request(requestId="r-2"), answer, cached=True)
    assert len(world.provider.asked) == 1


def test_whoever_was_not_cached_a_moment_ago_is_claimed_without_another_look() -> None:
    world = World()
    assert handle_missed(event(), world.ports) == handle(event(), World().ports)
    assert world.answers.calls == ["claim", "save"]
    assert handle_missed(event(), world.ports) == handle(event(), world.ports)
    assert handle_missed(b"[]", world.ports) == handle(b"[]", world.ports)


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.AMBIGUOUS])
def test_who_has_no_single_inn_is_kept_for_the_shorter_time(status: Status) -> None:
    world = World(provider=Provider(Verdict(status, "", "nalog")))
    outcome = handle(event(), world.ports)
    assert isinstance(outcome, Answered)
    assert outcome.answer == Answer(status, "", "nalog", NOW, NOW + timedelta(hours=24))


@pytest.mark.parametrize("status", [Status.FOUND, Status.NOT_FOUND])
def test_without_a_lifetime_an_answer_stays(status: Status) -> None:
    verdict = Verdict(status, INN if status is Status.FOUND else "", "nalog")
    world = World(provider=Provider(verdict), lifetimes=Lifetimes(found=None, absent=None))
    outcome = handle(event(), world.ports)
    assert isinstance(outcome, Answered)
    assert outcome.answer.expires_at is None


def test_a_wrong_request_asks_nobody() -> None:
    world = World()
    outcome = handle(event(lastName=...), world.ports)
    assert outcome == Rejected("r-1", (FieldError("lastName", "is required"),))
    assert world.answers.calls == []


def test_another_workers_fetch_is_not_asked_for_twice() -> None:
    world = World()
    world.answers.claim(request().person)
    assert handle(event(), world.ports) == InProgress(request())
    assert world.provider.asked == []


def test_an_answer_saved_between_find_and_claim_is_taken() -> None:
    world = World()

    def saved_meanwhile() -> None:
        world.answers.known[request().person] = KNOWN

    world.answers.on_claim = saved_meanwhile
    assert handle(event(), world.ports) == Answered(request(), KNOWN, cached=True)
    assert world.provider.asked == []


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (Unavailable(Reason.PROVIDER_UNAVAILABLE, 3), Deferred(request(), Reason.PROVIDER_UNAVAILABLE, 3)),
        (Unavailable(Reason.PROVIDER_CLOSED, 20), Deferred(request(), Reason.PROVIDER_CLOSED, 20)),
        (Verdict(Status.FOUND, "770000000083", "nalog"), Deferred(request(), Reason.BAD_REPLY)),
        (Verdict(Status.FOUND, "", "nalog"), Deferred(request(), Reason.BAD_REPLY)),
        (
            Invalid((FieldError("documentNumber", "нет такого"),)),
            Rejected("r-1", (FieldError("documentNumber", "нет такого"),)),
        ),
    ],
    ids=["unavailable", "closed", "an INN with a wrong check digit", "found without an INN", "invalid by field"],
)
def test_what_is_no_answer_is_never_kept_and_frees_the_person(
    says: Verdict | Invalid | BaseException, outcome: Deferred | Rejected
) -> None:
    world = World(provider=Provider(says))
    assert handle(event(), world.ports) == outcome
    assert world.answers.known == {}
    assert world.answers.claims == {}
    away = World(Answers(down=frozenset({"release"})), Provider(says))
    assert handle(event(), away.ports) == outcome


def test_a_bug_in_a_provider_is_not_caught_but_frees_the_person() -> None:
    world = World(provider=Provider(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        handle(event(), world.ports)
    assert world.answers.claims == {}


@pytest.mark.parametrize("call", ["find", "claim", "save"])
def test_a_store_that_is_away_defers(call: str) -> None:
    world = World(Answers(down=frozenset({call})))
    assert handle(event(), world.ports) == Deferred(request(), Reason.STORE_UNAVAILABLE, 7)


def test_a_request_that_a_bug_kept_from_being_handled_is_put_off_as_failed() -> None:
    world = World()
    assert broken(event(), world.ports) == Deferred(request(), Reason.INTERNAL_ERROR)
    assert isinstance(broken(b"[]", world.ports), Rejected)
    assert world.answers.calls == []


def test_who_was_born_today_in_kamchatka_is_not_from_the_future() -> None:
    world = World(clock=StoppedClock(NOW.replace(hour=13)))
    assert isinstance(handle(event(birthDate="2026-05-05"), world.ports), Answered)
    assert isinstance(handle(event(birthDate="2026-05-06"), world.ports), Rejected)


def test_a_bug_is_told_even_where_the_claim_cannot_be_given_back() -> None:
    world = World(Answers(down=frozenset({"release"})), Provider(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        handle(event(), world.ports)
