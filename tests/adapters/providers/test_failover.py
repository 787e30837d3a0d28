"""Fail-over: which provider is asked, and when; polls; what the Observer hears."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.providers import FailoverProvider, ProviderStatus
from adapters.providers.failover import PERSON_COOLDOWN, PersonCooldowns
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Pending, Ticket, Unavailable, Verdict
from function.rate_limit import (
    DenialReason,
    Denied,
    ProviderReply,
    ProviderState,
    RateLimit,
    RateLimiter,
    Throttled,
    seconds_to_midnight,
)
from function.request import LookupRequest
from function.telemetry import Observer
from tests.adapters.providers.nalog.people import request
from tests.doubles import MemoryRateLimiter, RecordingObserver

NOON = 1_782_900_000.0
FOUND = Verdict(Status.FOUND, "770000000082", "nalog")
PAID = Verdict(Status.FOUND, "770000000082", "apifns")
NOT_FOUND = Verdict(Status.NOT_FOUND, "", "nalog")
LIMIT = RateLimit(min_interval=1, cooldown=20, daily_limit=0, probe_lease=60)
TICKET = Ticket("nalog", "0A1B", datetime.fromtimestamp(NOON, UTC) + timedelta(seconds=180))


@dataclass
class StubProvider:
    """A Provider that gives these replies in order, the last one for ever; an exception is raised."""

    name: str
    replies: list[ProviderReply | BaseException]
    asked: int = 0
    passports_only: bool = False
    while_asked: Callable[[], object] = lambda: None
    tickets: list[Ticket | None] = field(default_factory=list)

    def serves(self, request: LookupRequest) -> bool:
        return not self.passports_only or request.document_type == "21"

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        self.asked += 1
        self.tickets.append(ticket)
        self.while_asked()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, BaseException):
            raise reply
        return reply


@dataclass
class ManualClock:
    """Both clocks of a process, which tests set."""

    seconds: float = NOON

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


class UnreachableRateLimiter(MemoryRateLimiter):
    down = False

    def _state(self, provider: str) -> ProviderState:
        if self.down:
            raise Unavailable(Reason.STORE_UNAVAILABLE)
        return super()._state(provider)


def failover(
    clock: ManualClock,
    *order: StubProvider,
    limit: RateLimit = LIMIT,
    limiter: RateLimiter | None = None,
    observer: RecordingObserver | None = None,
) -> FailoverProvider:
    return FailoverProvider(
        [(provider, limit) for provider in order],
        limiter or MemoryRateLimiter(clock.monotonic),
        observer or Observer(),
        clock,
        clock.monotonic,
    )


def ask(asking: FailoverProvider, ticket: Ticket | None = None) -> Verdict | Invalid | Pending:
    return asking.ask(request(), ticket)


def failure(asking: FailoverProvider, ticket: Ticket | None = None, **changed: object) -> tuple[Reason, float]:
    with pytest.raises(Unavailable) as no:
        asking.ask(request(**changed), ticket)
    return no.value.reason, no.value.retry_after


def test_an_open_provider_is_asked_and_its_answer_is_given_back() -> None:
    assert ask(failover(ManualClock(), StubProvider("nalog", [ProviderReply(FOUND)]))) == FOUND


def test_what_a_provider_calls_invalid_is_given_back_as_it_is() -> None:
    invalid = Invalid((FieldError("lastName", "?"),))
    assert ask(failover(ManualClock(), StubProvider("nalog", [ProviderReply(invalid)]))) == invalid


class TestTicket:
    """A poll is free: it takes no permit, and its failure opens no circuit."""

    PENDING = Pending(TICKET, 1)
    FAILED = Pending(TICKET._replace(polls=1), 2)

    def test_a_find_that_is_pending_gives_a_ticket_and_the_poll_has_it(self) -> None:
        tax = StubProvider("nalog", [ProviderReply(self.PENDING), ProviderReply(FOUND)])
        asking = failover(ManualClock(), tax)
        assert ask(asking) == self.PENDING
        assert ask(asking, TICKET) == FOUND
        assert tax.tickets == [None, TICKET]

    def test_a_poll_takes_no_permit(self) -> None:
        tax = StubProvider("nalog", [ProviderReply(self.PENDING)])
        asking = failover(ManualClock(), tax, limit=replace(LIMIT, daily_limit=1))
        ask(asking)
        assert [ask(asking, TICKET) for _ in range(5)] == [self.PENDING] * 5
        assert failure(asking)[0] is Reason.PROVIDER_CLOSED

    def test_a_poll_goes_to_the_provider_of_its_ticket_though_it_is_closed(self) -> None:
        tax, paid = (
            StubProvider("nalog", [Throttled(), ProviderReply(FOUND)]),
            StubProvider("apifns", [ProviderReply(PAID)]),
        )
        asking = failover(ManualClock(), tax, paid)
        assert ask(asking) == PAID
        assert ask(asking, TICKET) == FOUND

    @pytest.mark.parametrize(
        "ticket",
        [TICKET._replace(provider="gone"), TICKET._replace(expires_at=TICKET.expires_at - timedelta(seconds=180))],
        ids=["of nobody", "expired"],
    )
    def test_a_ticket_that_is_no_good_is_a_find_with_a_permit(self, ticket: Ticket) -> None:
        tax = StubProvider("nalog", [ProviderReply(FOUND)])
        asking = failover(ManualClock(), tax)
        assert ask(asking, ticket) == FOUND
        assert failure(asking, ticket) == (Reason.PROVIDER_CLOSED, 1)
        assert tax.tickets == [None]

    def test_a_poll_that_failed_opens_nothing_and_is_counted(self) -> None:
        observer = RecordingObserver()
        tax = StubProvider(
            "nalog", [ProviderReply(self.FAILED, failure=Reason.PROVIDER_UNAVAILABLE), ProviderReply(FOUND)]
        )
        asking = failover(ManualClock(), tax, observer=observer)
        assert ask(asking, TICKET) == self.FAILED
        assert asking.states() == [ProviderStatus("nalog", None)]
        assert ask(asking) == FOUND
        assert [outcome for _, outcome, _ in observer.of("provider_called")] == ["provider_unavailable", "found"]

    def test_a_poll_whose_ticket_is_of_no_more_use_fails_and_nobody_else_is_asked(self) -> None:
        tax, paid = (
            StubProvider("nalog", [Unavailable(Reason.PROVIDER_UNAVAILABLE)]),
            StubProvider("apifns", [ProviderReply(PAID)]),
        )
        asking = failover(ManualClock(), tax, paid)
        assert failure(asking, TICKET) == (Reason.PROVIDER_UNAVAILABLE, 0)
        assert paid.asked == 0

    def test_a_poll_that_announces_a_captcha_cools_the_provider_down_and_keeps_its_ticket(self) -> None:
        tax = StubProvider("nalog", [ProviderReply(self.PENDING, captcha_ahead=True)])
        asking = failover(ManualClock(), tax)
        assert ask(asking, TICKET) == self.PENDING
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 20)

    def test_a_find_that_is_pending_is_a_good_probe(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(), ProviderReply(self.PENDING)])
        asking = failover(clock, tax)
        failure(asking)
        clock.seconds += 20
        ask(asking)
        assert asking.states() == [ProviderStatus("nalog", None)]

    def test_a_poll_is_no_probe(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(), ProviderReply(FOUND), Throttled()])
        asking = failover(clock, tax)
        failure(asking)
        clock.seconds += 20
        ask(asking, TICKET)
        assert failure(asking) == (Reason.THROTTLED, 40)


def test_a_provider_that_opens_its_session_was_not_asked_and_has_not_failed() -> None:
    tax = StubProvider("nalog", [Unavailable(Reason.PROVIDER_CLOSED, 1), ProviderReply(FOUND)])
    paid = StubProvider("apifns", [ProviderReply(PAID)])
    asking = failover(ManualClock(), tax, paid, limit=replace(LIMIT, min_interval=0))
    assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
    assert ask(asking) == FOUND
    assert paid.asked == 0


class TestOrder:
    def test_the_next_is_not_asked_while_the_first_answers(self) -> None:
        tax, paid = StubProvider("nalog", [ProviderReply(NOT_FOUND)]), StubProvider("apifns", [ProviderReply(PAID)])
        assert failover(ManualClock(), tax, paid).ask(request(), None) == NOT_FOUND
        assert paid.asked == 0

    def test_a_request_that_throttles_one_provider_goes_to_the_next(self) -> None:
        tax, paid = StubProvider("nalog", [Throttled()]), StubProvider("apifns", [ProviderReply(PAID)])
        asking = failover(ManualClock(), tax, paid, limit=replace(LIMIT, min_interval=0))
        assert ask(asking) == PAID
        assert ask(asking) == PAID
        assert (tax.asked, paid.asked) == (1, 2)

    def test_a_request_goes_to_the_next_when_the_day_s_limit_is_reached(self) -> None:
        clock = ManualClock()
        tax, paid = StubProvider("nalog", [ProviderReply(FOUND)]), StubProvider("apifns", [ProviderReply(PAID)])
        limiter = MemoryRateLimiter(clock.monotonic)
        limited, free = replace(LIMIT, daily_limit=2, min_interval=0), replace(LIMIT, min_interval=0)
        asking = FailoverProvider([(tax, limited), (paid, free)], limiter, Observer(), clock)
        assert [ask(asking) for _ in range(4)] == [FOUND, FOUND, PAID, PAID]
        clock.seconds += seconds_to_midnight(clock.seconds)
        assert ask(asking) == FOUND

    def test_a_provider_that_fails_is_not_passed_over(self) -> None:
        tax, paid = (
            StubProvider("nalog", [Unavailable(Reason.BAD_REPLY, 3)]),
            StubProvider("apifns", [ProviderReply(PAID)]),
        )
        assert failure(failover(ManualClock(), tax, paid)) == (Reason.BAD_REPLY, 3)
        assert paid.asked == 0

    def test_a_provider_that_is_paced_is_not_passed_over(self) -> None:
        tax, paid = StubProvider("nalog", [ProviderReply(FOUND)]), StubProvider("apifns", [ProviderReply(PAID)])
        asking = failover(ManualClock(), tax, paid)
        ask(asking)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
        assert paid.asked == 0

    def test_who_does_not_serve_a_person_is_passed_over_and_takes_no_turn(self) -> None:
        paid, tax = (
            StubProvider("apifns", [ProviderReply(PAID)], passports_only=True),
            StubProvider("nalog", [ProviderReply(FOUND)]),
        )
        asking = failover(ManualClock(), paid, tax)
        assert asking.ask(request(documentType="10", documentSerial="", documentNumber="A1"), None) == FOUND
        assert ask(asking) == PAID

    def test_nobody_serves_a_person(self) -> None:
        paid = StubProvider("apifns", [ProviderReply(PAID)], passports_only=True)
        reason, _ = failure(failover(ManualClock(), paid), documentType="10", documentSerial="", documentNumber="A1")
        assert reason is Reason.PROVIDER_UNAVAILABLE

    def test_when_all_are_shut_the_first_to_open_is_waited_for(self) -> None:
        tax, paid = StubProvider("nalog", [Throttled(300)]), StubProvider("apifns", [Throttled(100)])
        asking = failover(ManualClock(), tax, paid)
        assert failure(asking) == (Reason.THROTTLED, 100)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 100)
        assert (tax.asked, paid.asked) == (1, 1)


class TestFallback:
    """The next provider, in place of a closed one: its failure changes nothing."""

    @pytest.mark.parametrize(
        "said",
        [Unavailable(Reason.PROVIDER_UNAVAILABLE), Unavailable(Reason.BAD_REPLY, 3), Throttled(), Throttled(3600)],
        ids=["away", "a bad reply", "turned away", "turned away for long"],
    )
    @pytest.mark.parametrize("cooldown", [20, 0])
    def test_whatever_it_fails_by_the_request_ends_as_it_would_have_ended_without_it(
        self, said: Exception, cooldown: float
    ) -> None:
        tax, paid = StubProvider("nalog", [Throttled(50)]), StubProvider("apifns", [said])
        asking = failover(ManualClock(), tax, paid, limit=replace(LIMIT, cooldown=cooldown))
        assert failure(asking) == (Reason.THROTTLED, 50)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 50)
        assert paid.asked == 1

    def test_a_probe_that_failed_is_a_failure_still(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(), Unavailable(Reason.BAD_REPLY)])
        paid = StubProvider("apifns", [Unavailable(Reason.PROVIDER_UNAVAILABLE)])
        asking = failover(clock, tax, paid)
        failure(asking)
        clock.seconds += 20
        assert failure(asking) == (Reason.BAD_REPLY, 40)

    def test_a_person_it_failed_for_waits_longer_each_time_and_others_are_taken_to_it(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(100_000)])
        paid = StubProvider("apifns", [*[Unavailable(Reason.BAD_REPLY)] * 9, ProviderReply(PAID)])
        asking = failover(clock, tax, paid, limit=replace(LIMIT, min_interval=0))
        failure(asking)
        waits = []
        for _ in range(8):
            reason, seconds = failure(asking)
            assert reason is Reason.PROVIDER_CLOSED
            waits.append(seconds)
            clock.seconds += seconds - 1
            assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
            clock.seconds += 1
            failure(asking)
        assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
        assert paid.asked == 9
        assert asking.ask(request(documentNumber="999999"), None) == PAID
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 3600)

    def test_who_waits_for_it_is_told_when_it_may_be_asked_again(self) -> None:
        tax, paid = StubProvider("nalog", [Throttled(3000)]), StubProvider("apifns", [Unavailable(Reason.BAD_REPLY)])
        assert failure(failover(ManualClock(), tax, paid)) == (Reason.THROTTLED, 60)

    def test_nobody_is_kept_from_it_because_it_is_shut_itself(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(3000)])
        paid = StubProvider("apifns", [Throttled(), ProviderReply(PAID)])
        asking = failover(clock, tax, paid)
        failure(asking, documentNumber="999999")
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 20)
        clock.seconds += 20
        assert ask(asking) == PAID


def test_of_too_many_persons_the_oldest_cool_down_is_dropped() -> None:
    cooldowns, seconds = PersonCooldowns(lambda: NOON, capacity=2), PERSON_COOLDOWN.cooldown
    persons = [request(documentNumber=f"{number:06}").person for number in (1, 2, 3)]
    assert [cooldowns.start(person, 0) for person in persons] == [seconds] * 3
    assert [cooldowns.remaining(person) for person in persons] == [0, seconds, seconds]


class TestCoolDown:
    def test_a_throttled_provider_is_left_alone_until_its_cool_down_ends(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(), ProviderReply(FOUND)])
        asking = failover(clock, tax)
        assert failure(asking) == (Reason.THROTTLED, 20)
        clock.seconds += 1
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 19)
        clock.seconds += 1
        assert tax.asked == 1
        clock.seconds += 18
        assert ask(asking) == FOUND

    def test_it_grows_with_each_one_in_vain_and_is_short_again_after_a_good_reply(self) -> None:
        clock = ManualClock()
        tax = StubProvider("nalog", [Throttled(), Throttled(), Throttled(), ProviderReply(FOUND), Throttled()])
        asking = failover(clock, tax)
        for wait in (20, 40, 80):
            assert failure(asking) == (Reason.THROTTLED, wait)
            clock.seconds += wait
        assert ask(asking) == FOUND
        clock.seconds += 1
        assert failure(asking) == (Reason.THROTTLED, 20)

    def test_the_provider_s_own_word_counts_where_it_asks_for_longer(self) -> None:
        assert failure(failover(ManualClock(), StubProvider("nalog", [Throttled(300)]))) == (Reason.THROTTLED, 300)

    def test_a_good_reply_may_ask_for_it(self) -> None:
        clock, tax = (
            ManualClock(),
            StubProvider("nalog", [ProviderReply(FOUND, captcha_ahead=True), ProviderReply(FOUND)]),
        )
        asking = failover(clock, tax)
        assert ask(asking) == FOUND
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 20)

    def test_a_plain_failure_closes_nothing(self) -> None:
        clock, tax = (
            ManualClock(),
            StubProvider("nalog", [Unavailable(Reason.PROVIDER_UNAVAILABLE), ProviderReply(FOUND)]),
        )
        asking = failover(clock, tax, limit=replace(LIMIT, min_interval=0))
        failure(asking)
        assert ask(asking) == FOUND

    def test_a_good_reply_to_an_earlier_request_does_not_open_what_was_closed_meanwhile(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [ProviderReply(FOUND)])
        limiter = MemoryRateLimiter(clock.monotonic)
        asking = failover(clock, tax, limiter=limiter)
        tax.while_asked = lambda: limiter.cool_down("nalog", LIMIT)
        assert ask(asking) == FOUND
        clock.seconds += 20
        # It would be 20 again had that reply counted as a proof.
        assert limiter.cool_down("nalog", LIMIT) == 40

    def test_throttling_is_a_failure_where_cool_downs_are_off(self) -> None:
        tax, paid = StubProvider("nalog", [Throttled()]), StubProvider("apifns", [ProviderReply(PAID)])
        off = replace(LIMIT, cooldown=0)
        assert failure(failover(ManualClock(), tax, limit=off))[0] is Reason.PROVIDER_UNAVAILABLE
        assert failover(ManualClock(), tax, paid, limit=off).ask(request(), None) == PAID


class TestProbe:
    """After a cool-down."""

    def ready(
        self, clock: ManualClock, *replies: ProviderReply | BaseException, paid: StubProvider | None = None
    ) -> tuple[FailoverProvider, StubProvider]:
        tax = StubProvider("nalog", [Throttled(), *replies])
        asking = failover(clock, *([tax, paid] if paid else [tax]))
        if paid is None:
            failure(asking)
        else:
            ask(asking)
        clock.seconds += 20
        return asking, tax

    def test_others_wait_or_go_elsewhere_while_it_is_under_way(self) -> None:
        clock, seen = ManualClock(), []
        asking, tax = self.ready(clock, ProviderReply(FOUND))
        tax.while_asked = lambda: seen.append(failure(asking))
        assert ask(asking) == FOUND
        # Its lease is 60 s, but it will be over sooner.
        assert seen == [(Reason.PROVIDER_CLOSED, 2)]
        assert tax.asked == 2

    def test_a_good_one_opens_the_provider(self) -> None:
        clock = ManualClock()
        asking, _ = self.ready(clock, ProviderReply(FOUND))
        ask(asking)
        assert asking.states() == [ProviderStatus("nalog", None)]
        clock.seconds += 1
        assert ask(asking) == FOUND

    def test_a_person_who_is_invalid_opens_it_too(self) -> None:
        asking, _ = self.ready(ManualClock(), ProviderReply(Invalid((FieldError("lastName", "?"),))))
        ask(asking)
        assert asking.states() == [ProviderStatus("nalog", None)]

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (Throttled(), Reason.THROTTLED),
            (Unavailable(Reason.PROVIDER_UNAVAILABLE), Reason.PROVIDER_UNAVAILABLE),
            (Unavailable(Reason.BAD_REPLY), Reason.BAD_REPLY),
        ],
    )
    def test_any_other_one_closes_it_for_longer(self, said: Exception, reason: Reason) -> None:
        asking, tax = self.ready(ManualClock(), said)
        assert failure(asking) == (reason, 40)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 40)
        assert tax.asked == 2

    def test_a_failed_one_makes_nobody_wait_where_cool_downs_are_off(self) -> None:
        clock, tax = (
            ManualClock(),
            StubProvider("nalog", [Throttled(30), Unavailable(Reason.BAD_REPLY), ProviderReply(FOUND)]),
        )
        asking = failover(clock, tax, limit=replace(LIMIT, cooldown=0, min_interval=0))
        failure(asking)
        clock.seconds += 30
        assert failure(asking) == (Reason.BAD_REPLY, 0)
        assert ask(asking) == FOUND

    def test_one_that_announces_a_captcha_closes_it_again_and_its_word_counts(self) -> None:
        asking, _ = self.ready(ManualClock(), ProviderReply(FOUND, captcha_ahead=True))
        assert ask(asking) == FOUND
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 40)

    def test_a_bug_closes_it_again_and_comes_out(self) -> None:
        asking, _ = self.ready(ManualClock(), ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            ask(asking)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 40)

    def test_a_failed_one_sends_its_request_to_the_next_provider(self) -> None:
        paid = StubProvider("apifns", [ProviderReply(PAID)])
        asking, tax = self.ready(ManualClock(), Unavailable(Reason.PROVIDER_UNAVAILABLE), paid=paid)
        assert ask(asking) == PAID
        assert (tax.asked, paid.asked) == (2, 2)

    def test_one_that_never_reports_back_is_lost_after_its_lease(self) -> None:
        clock = ManualClock()
        asking, tax = self.ready(clock, KeyboardInterrupt(), ProviderReply(FOUND))
        with pytest.raises(KeyboardInterrupt):
            ask(asking)
        clock.seconds += 59
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
        clock.seconds += 1
        assert ask(asking) == FOUND
        assert tax.asked == 3


class TestStore:
    """The book is kept in a store that may be away."""

    def test_its_absence_is_the_store_s_failure_and_nobody_is_asked(self) -> None:
        clock, tax = ManualClock(), StubProvider("nalog", [ProviderReply(FOUND)])
        limiter = UnreachableRateLimiter(clock.monotonic)
        asking = failover(clock, tax, limiter=limiter)
        limiter.down = True
        assert failure(asking)[0] is Reason.STORE_UNAVAILABLE
        assert tax.asked == 0
        with pytest.raises(Unavailable):
            asking.states()

    @pytest.mark.parametrize("cool", [True, False])
    def test_a_good_answer_outlives_a_note_that_cannot_be_kept(self, cool: bool) -> None:  # noqa: FBT001  # a column
        clock, tax = ManualClock(), StubProvider("nalog", [Throttled(), ProviderReply(FOUND, captcha_ahead=cool)])
        limiter, observer = UnreachableRateLimiter(clock.monotonic), RecordingObserver()
        asking = failover(clock, tax, limiter=limiter, observer=observer)
        failure(asking)
        clock.seconds += 20

        def go() -> None:
            limiter.down = True

        tax.while_asked = go
        assert ask(asking) == FOUND
        assert [type(error) for _, error in observer.of("error")] == [Unavailable]


class TestReports:
    def test_calls_are_told_with_their_outcome(self) -> None:
        clock, observer = ManualClock(), RecordingObserver()
        replies: list[ProviderReply | BaseException] = [
            ProviderReply(FOUND),
            ProviderReply(Invalid((FieldError("a", "b"),))),
            Unavailable(Reason.BAD_REPLY),
            Throttled(),
        ]
        tax = StubProvider("nalog", list(replies))
        asking = failover(clock, tax, limit=replace(LIMIT, min_interval=0), observer=observer)
        for _ in replies:
            with suppress(Unavailable):
                ask(asking)
        assert [outcome for _, outcome, _ in observer.of("provider_called")] == [
            "found",
            "rejected",
            "bad_reply",
            "throttled",
        ]

    def test_closing_and_opening_are_told_once(self) -> None:
        clock, observer = ManualClock(), RecordingObserver()
        tax = StubProvider("nalog", [Throttled(), ProviderReply(FOUND)])
        asking = failover(clock, tax, observer=observer)
        for _ in range(5):
            failure(asking)
        clock.seconds += 20
        # It is not open before the probe has its answer.
        tax.while_asked = lambda: observer.provider_closed("probe", "asks", 1)
        ask(asking)
        tax.while_asked = lambda: None
        clock.seconds += 1
        ask(asking)
        assert observer.of("provider_closed") == [
            ("nalog", "cooling_down", 20),
            ("probe", "asks", 1),
            ("nalog", "cooling_down", 0),
        ]

    def test_what_another_replica_closed_and_opened_is_told_too(self) -> None:
        clock, observer = ManualClock(), RecordingObserver()
        limiter = MemoryRateLimiter(clock.monotonic)
        asking = failover(clock, StubProvider("nalog", [ProviderReply(FOUND)]), limiter=limiter, observer=observer)
        limiter.cool_down("nalog", LIMIT)
        failure(asking)
        failure(asking)
        clock.seconds += 20
        limiter.recover("nalog")
        ask(asking)
        assert observer.of("provider_closed") == [("nalog", "cooling_down", 20), ("nalog", "cooling_down", 0)]

    def test_a_reached_limit_is_told(self) -> None:
        clock, observer = ManualClock(), RecordingObserver()
        limit = replace(LIMIT, daily_limit=1, min_interval=0)
        asking = failover(clock, StubProvider("nalog", [ProviderReply(FOUND)]), limit=limit, observer=observer)
        ask(asking)
        failure(asking)
        failure(asking)
        assert observer.of("provider_closed") == [("nalog", "daily_limit", seconds_to_midnight(clock.seconds))]

    def test_states_say_why_and_for_how_long(self) -> None:
        clock = ManualClock()
        tax, paid = StubProvider("nalog", [Throttled()]), StubProvider("apifns", [ProviderReply(PAID)])
        asking = failover(clock, tax, paid)
        assert asking.states() == [ProviderStatus("nalog", None), ProviderStatus("apifns", None)]
        ask(asking)
        clock.seconds += 5
        assert asking.states() == [
            ProviderStatus("nalog", Denied(DenialReason.COOLING_DOWN, 15)),
            ProviderStatus("apifns", None),
        ]


def test_many_threads_make_one_probe() -> None:
    clock = ManualClock()
    tax, paid = (
        StubProvider("nalog", [Throttled(), ProviderReply(FOUND)]),
        StubProvider("apifns", [ProviderReply(PAID)]),
    )
    asking = failover(clock, tax, paid, limit=replace(LIMIT, min_interval=0))
    ask(asking)
    clock.seconds += 20
    started, done = threading.Event(), threading.Event()

    def linger() -> None:
        started.set()
        done.wait(30)

    tax.while_asked = linger
    with ThreadPoolExecutor(8) as pool:
        probe = pool.submit(asking.ask, request(), None)
        started.wait(30)
        others = [pool.submit(asking.ask, request(), None) for _ in range(20)]
        assert [other.result(30) for other in others] == [PAID] * 20
        done.set()
        assert probe.result(30) == FOUND
    assert tax.asked == 2
