"""Providers: whom to ask, and when."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from adapters.providers import Manners, Providers, State
from adapters.providers.spared import FIRST_SEC, Spared
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import Again, Entry, Pace, Reply, Shut, Throttled, Why, seconds_to_midnight
from function.request import LookupRequest
from function.telemetry import NullObserver
from tests.doubles import MemoryRateLimiter
from tests.adapters.providers.nalog.people import request

NOON = 1_782_900_000.0
FOUND = Verdict(Status.FOUND, "770000000082", "nalog")
PAID = Verdict(Status.FOUND, "770000000082", "apifns")
NOT_FOUND = Verdict(Status.NOT_FOUND, "", "nalog")
PACE = Pace(min_interval=1, cooldown=20, daily_limit=0, probe_lease=60)


@dataclass
class Upstream:
    """Says in turn what it was told to say, the last for ever."""

    name: str
    says: list[Reply | BaseException]
    asked: int = 0
    passports_only: bool = False
    finds: int = 1
    seconds: float = 60
    """It has for another turn."""
    sent: bool = True
    """Whether the find before the next one was."""
    granted: list[bool] = field(default_factory=list)
    while_asked: Callable[[], object] = lambda: None

    def serves(self, request: LookupRequest) -> bool:
        return not self.passports_only or request.document_type == "21"

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        self.asked += 1
        self.while_asked()
        self.granted += [again(self.seconds, sent=self.sent) for _ in range(self.finds - 1)]
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, BaseException):
            raise said
        return said


@dataclass
class Clock:
    now: float = NOON
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.meanwhile()

    def manners(self, patience: float = 0) -> Manners:
        return Manners(patience, self.sleep, lambda: self.now)


class AwayBook(MemoryRateLimiter):
    away = False

    def _entry(self, provider: str) -> Entry:
        if self.away:
            raise Unavailable(Reason.STORE_UNAVAILABLE)
        return super()._entry(provider)


class Told(NullObserver):
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.closings: list[tuple[str, str, float]] = []
        self.troubles: list[str] = []

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        self.calls.append((provider, outcome))

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        self.closings.append((provider, why, seconds))

    def trouble(self, where: str, error: BaseException) -> None:
        self.troubles.append(type(error).__name__)


def providers(clock: Clock, *upstreams: Upstream, patience: float = 0, pace: Pace = PACE) -> Providers:
    book = MemoryRateLimiter(lambda: clock.now)
    return Providers([(upstream, pace) for upstream in upstreams], book, NullObserver(), clock.manners(patience))


def failure(asking: Providers, **changed: object) -> tuple[Reason, float]:
    with pytest.raises(Unavailable) as no:
        asking.ask(request(**changed))
    return no.value.reason, no.value.retry_after


def test_an_open_provider_is_asked_and_its_word_is_given_back() -> None:
    assert providers(Clock(), Upstream("nalog", [Reply(FOUND)])).ask(request()) == FOUND


def test_what_a_provider_calls_invalid_is_given_back_as_it_is() -> None:
    invalid = Invalid((FieldError("lastName", "?"),))
    assert providers(Clock(), Upstream("nalog", [Reply(invalid)])).ask(request()) == invalid


class TestOrder:
    def test_the_next_is_not_asked_while_the_first_answers(self) -> None:
        tax, paid = Upstream("nalog", [Reply(NOT_FOUND)]), Upstream("apifns", [Reply(PAID)])
        assert providers(Clock(), tax, paid).ask(request()) == NOT_FOUND
        assert paid.asked == 0

    def test_a_request_that_throttles_one_provider_goes_to_the_next(self) -> None:
        tax, paid = Upstream("nalog", [Throttled()]), Upstream("apifns", [Reply(PAID)])
        asking = providers(Clock(), tax, paid, pace=replace(PACE, min_interval=0))
        assert asking.ask(request()) == PAID
        assert asking.ask(request()) == PAID
        assert (tax.asked, paid.asked) == (1, 2)

    def test_a_request_goes_to_the_next_when_the_day_s_limit_is_reached(self) -> None:
        clock = Clock()
        tax, paid = Upstream("nalog", [Reply(FOUND)]), Upstream("apifns", [Reply(PAID)])
        book = MemoryRateLimiter(lambda: clock.now)
        limited, free = replace(PACE, daily_limit=2, min_interval=0), replace(PACE, min_interval=0)
        asking = Providers([(tax, limited), (paid, free)], book, NullObserver(), clock.manners())
        assert [asking.ask(request()) for _ in range(4)] == [FOUND, FOUND, PAID, PAID]
        clock.now += seconds_to_midnight(clock.now)
        assert asking.ask(request()) == FOUND

    def test_a_provider_that_fails_is_not_passed_over(self) -> None:
        tax, paid = Upstream("nalog", [Unavailable(Reason.BAD_REPLY, 3)]), Upstream("apifns", [Reply(PAID)])
        assert failure(providers(Clock(), tax, paid)) == (Reason.BAD_REPLY, 3)
        assert paid.asked == 0

    def test_a_provider_that_is_paced_is_not_passed_over(self) -> None:
        tax, paid = Upstream("nalog", [Reply(FOUND)]), Upstream("apifns", [Reply(PAID)])
        asking = providers(Clock(), tax, paid)
        asking.ask(request())
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
        assert paid.asked == 0

    def test_who_does_not_serve_a_person_is_passed_over_and_takes_no_turn(self) -> None:
        paid, tax = Upstream("apifns", [Reply(PAID)], passports_only=True), Upstream("nalog", [Reply(FOUND)])
        asking = providers(Clock(), paid, tax)
        assert asking.ask(request(documentType="10", documentSerial="", documentNumber="A1")) == FOUND
        assert asking.ask(request()) == PAID

    def test_nobody_serves_a_person(self) -> None:
        paid = Upstream("apifns", [Reply(PAID)], passports_only=True)
        reason, _ = failure(providers(Clock(), paid), documentType="10", documentSerial="", documentNumber="A1")
        assert reason is Reason.PROVIDER_UNAVAILABLE

    def test_when_all_are_shut_the_first_to_open_is_waited_for(self) -> None:
        tax, paid = Upstream("nalog", [Throttled(300)]), Upstream("apifns", [Throttled(100)])
        asking = providers(Clock(), tax, paid)
        assert failure(asking) == (Reason.TURNED_AWAY, 100)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 100)
        assert (tax.asked, paid.asked) == (1, 1)


class TestStandingIn:
    """The next provider, in place of one that is shut: it may help, and harms nobody."""

    @pytest.mark.parametrize(
        "said",
        [Unavailable(Reason.PROVIDER_UNAVAILABLE), Unavailable(Reason.BAD_REPLY, 3), Throttled(), Throttled(3600)],
        ids=["away", "a bad reply", "turned away", "turned away for long"],
    )
    @pytest.mark.parametrize("cooldown", [20, 0])
    def test_whatever_it_fails_by_the_request_ends_as_it_would_have_ended_without_it(
        self, said: Exception, cooldown: float
    ) -> None:
        tax, paid = Upstream("nalog", [Throttled(50)]), Upstream("apifns", [said])
        asking = providers(Clock(), tax, paid, pace=replace(PACE, cooldown=cooldown))
        assert failure(asking) == (Reason.TURNED_AWAY, 50)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 50)
        assert paid.asked == 1

    def test_a_probe_that_failed_is_a_failure_still(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(), Unavailable(Reason.BAD_REPLY)])
        paid = Upstream("apifns", [Unavailable(Reason.PROVIDER_UNAVAILABLE)])
        asking = providers(clock, tax, paid)
        failure(asking)
        clock.now += 20
        assert failure(asking) == (Reason.BAD_REPLY, 40)

    def test_a_person_it_failed_for_waits_longer_each_time_and_others_are_taken_to_it(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(100_000)])
        paid = Upstream("apifns", [*[Unavailable(Reason.BAD_REPLY)] * 9, Reply(PAID)])
        asking = providers(clock, tax, paid, pace=replace(PACE, min_interval=0))
        failure(asking)
        waits = []
        for _ in range(8):
            reason, seconds = failure(asking)
            assert reason is Reason.PROVIDER_CLOSED
            waits.append(seconds)
            clock.now += seconds - 1
            assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
            clock.now += 1
            failure(asking)
        assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
        assert paid.asked == 9
        assert asking.ask(request(documentNumber="999999")) == PAID
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 3600)

    def test_who_waits_for_it_is_told_when_it_may_be_asked_again(self) -> None:
        tax, paid = Upstream("nalog", [Throttled(3000)]), Upstream("apifns", [Unavailable(Reason.BAD_REPLY)])
        assert failure(providers(Clock(), tax, paid)) == (Reason.TURNED_AWAY, 60)

    def test_nobody_is_kept_from_it_because_it_is_shut_itself(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(3000)])
        paid = Upstream("apifns", [Throttled(), Reply(PAID)])
        asking = providers(clock, tax, paid)
        failure(asking, documentNumber="999999")
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 20)
        clock.now += 20
        assert asking.ask(request()) == PAID


def test_of_too_many_persons_who_are_spared_the_oldest_is_let_go() -> None:
    spared = Spared(lambda: NOON, capacity=2)
    persons = [request(documentNumber=f"{number:06}").person for number in (1, 2, 3)]
    assert [spared.in_vain(person, 0) for person in persons] == [FIRST_SEC] * 3
    assert [spared.seconds(person) for person in persons] == [0, FIRST_SEC, FIRST_SEC]


class TestCoolDown:
    def test_a_throttled_provider_is_left_alone_until_its_cool_down_ends(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(), Reply(FOUND)])
        asking = providers(clock, tax)
        assert failure(asking) == (Reason.TURNED_AWAY, 20)
        clock.now += 1
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 19)
        clock.now += 1
        assert tax.asked == 1
        clock.now += 18
        assert asking.ask(request()) == FOUND

    def test_it_grows_with_each_one_in_vain_and_is_short_again_after_a_good_reply(self) -> None:
        clock = Clock()
        tax = Upstream("nalog", [Throttled(), Throttled(), Throttled(), Reply(FOUND), Throttled()])
        asking = providers(clock, tax)
        for wait in (20, 40, 80):
            assert failure(asking) == (Reason.TURNED_AWAY, wait)
            clock.now += wait
        assert asking.ask(request()) == FOUND
        clock.now += 1
        assert failure(asking) == (Reason.TURNED_AWAY, 20)

    def test_the_provider_s_own_word_counts_where_it_asks_for_longer(self) -> None:
        assert failure(providers(Clock(), Upstream("nalog", [Throttled(300)]))) == (Reason.TURNED_AWAY, 300)

    def test_a_good_reply_may_ask_for_it(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND, cool=True), Reply(FOUND)])
        asking = providers(clock, tax)
        assert asking.ask(request()) == FOUND
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 20)

    def test_a_plain_failure_closes_nothing(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Unavailable(Reason.PROVIDER_UNAVAILABLE), Reply(FOUND)])
        asking = providers(clock, tax, pace=replace(PACE, min_interval=0))
        failure(asking)
        assert asking.ask(request()) == FOUND

    def test_a_good_reply_to_an_earlier_request_does_not_open_what_was_closed_meanwhile(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)])
        book = MemoryRateLimiter(lambda: clock.now)
        asking = Providers([(tax, PACE)], book, NullObserver(), clock.manners())
        tax.while_asked = lambda: book.cool("nalog", PACE)
        assert asking.ask(request()) == FOUND
        clock.now += 20
        # It would be 20 again had that reply counted as a proof.
        assert book.cool("nalog", PACE) == 40

    def test_throttling_is_a_failure_where_cool_downs_are_off(self) -> None:
        tax, paid = Upstream("nalog", [Throttled()]), Upstream("apifns", [Reply(PAID)])
        off = replace(PACE, cooldown=0)
        assert failure(providers(Clock(), tax, pace=off))[0] is Reason.PROVIDER_UNAVAILABLE
        assert providers(Clock(), tax, paid, pace=off).ask(request()) == PAID


class TestProbe:
    """After a cool-down."""

    def ready(
        self, clock: Clock, *says: Reply | BaseException, paid: Upstream | None = None
    ) -> tuple[Providers, Upstream]:
        tax = Upstream("nalog", [Throttled(), *says])
        asking = providers(clock, *([tax, paid] if paid else [tax]))
        if paid is None:
            failure(asking)
        else:
            asking.ask(request())
        clock.now += 20
        return asking, tax

    def test_others_wait_or_go_elsewhere_while_it_is_under_way(self) -> None:
        clock, seen = Clock(), []
        asking, tax = self.ready(clock, Reply(FOUND))
        tax.while_asked = lambda: seen.append(failure(asking))
        assert asking.ask(request()) == FOUND
        # Its lease is 60 s, but it will be over sooner.
        assert seen == [(Reason.PROVIDER_CLOSED, 2)]
        assert tax.asked == 2

    def test_a_good_one_opens_the_provider(self) -> None:
        clock = Clock()
        asking, _ = self.ready(clock, Reply(FOUND))
        asking.ask(request())
        assert asking.states() == [State("nalog", None)]
        clock.now += 1
        assert asking.ask(request()) == FOUND

    def test_a_person_who_is_invalid_opens_it_too(self) -> None:
        asking, _ = self.ready(Clock(), Reply(Invalid((FieldError("lastName", "?"),))))
        asking.ask(request())
        assert asking.states() == [State("nalog", None)]

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (Throttled(), Reason.TURNED_AWAY),
            (Unavailable(Reason.PROVIDER_UNAVAILABLE), Reason.PROVIDER_UNAVAILABLE),
            (Unavailable(Reason.BAD_REPLY), Reason.BAD_REPLY),
        ],
    )
    def test_any_other_one_closes_it_for_longer(self, said: Exception, reason: Reason) -> None:
        asking, tax = self.ready(Clock(), said)
        assert failure(asking) == (reason, 40)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 40)
        assert tax.asked == 2

    def test_a_failed_one_makes_nobody_wait_where_cool_downs_are_off(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(30), Unavailable(Reason.BAD_REPLY), Reply(FOUND)])
        asking = providers(clock, tax, pace=replace(PACE, cooldown=0, min_interval=0))
        failure(asking)
        clock.now += 30
        assert failure(asking) == (Reason.BAD_REPLY, 0)
        assert asking.ask(request()) == FOUND

    def test_one_that_announces_a_captcha_closes_it_again_and_its_word_counts(self) -> None:
        asking, _ = self.ready(Clock(), Reply(FOUND, cool=True))
        assert asking.ask(request()) == FOUND
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 40)

    def test_a_bug_closes_it_again_and_comes_out(self) -> None:
        asking, _ = self.ready(Clock(), ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            asking.ask(request())
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 40)

    def test_a_failed_one_sends_its_request_to_the_next_provider(self) -> None:
        paid = Upstream("apifns", [Reply(PAID)])
        asking, tax = self.ready(Clock(), Unavailable(Reason.PROVIDER_UNAVAILABLE), paid=paid)
        assert asking.ask(request()) == PAID
        assert (tax.asked, paid.asked) == (2, 2)

    def test_one_that_never_reports_back_is_lost_after_its_lease(self) -> None:
        clock = Clock()
        asking, tax = self.ready(clock, KeyboardInterrupt(), Reply(FOUND))
        with pytest.raises(KeyboardInterrupt):
            asking.ask(request())
        clock.now += 59
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 1)
        clock.now += 1
        assert asking.ask(request()) == FOUND
        assert tax.asked == 3


class TestPatience:
    def test_a_request_waits_for_its_turn_as_long_as_it_may(self) -> None:
        clock = Clock()
        asking = providers(clock, Upstream("nalog", [Reply(FOUND)]), patience=1.5)
        asking.ask(request())
        asking.ask(request())
        assert clock.slept == [1]

    def test_the_day_s_last_turn_is_used_though_the_limit_is_reached_by_it(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)])
        asking = providers(clock, tax, patience=5, pace=replace(PACE, daily_limit=2))
        asking.ask(request())
        assert asking.ask(request()) == FOUND
        assert failure(asking)[0] is Reason.PROVIDER_CLOSED
        assert tax.asked == 2

    def test_who_stood_in_line_while_the_provider_closed_does_not_ask(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)])
        book = MemoryRateLimiter(lambda: clock.now)
        asking = Providers([(tax, PACE)], book, NullObserver(), clock.manners(5))
        asking.ask(request())
        clock.meanwhile = lambda: book.cool("nalog", PACE)
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 20)
        assert tax.asked == 1

    def test_who_overslept_a_cool_down_in_line_leaves_the_asking_to_the_probe(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)])
        book = MemoryRateLimiter(lambda: clock.now)
        asking = Providers([(tax, PACE)], book, NullObserver(), clock.manners(5))
        asking.ask(request())

        def overslept() -> None:
            book.cool("nalog", PACE)
            clock.now += 20
            book.take("nalog", PACE, 5)

        clock.meanwhile = overslept
        assert failure(asking) == (Reason.PROVIDER_CLOSED, 2)
        assert tax.asked == 1

    def test_a_probe_that_stands_in_line_is_not_shut_out_by_itself(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(), Reply(FOUND)])
        asking = providers(clock, tax, patience=15, pace=replace(PACE, min_interval=30))
        failure(asking)
        clock.now += 20
        assert asking.ask(request()) == FOUND
        assert clock.slept == [10]

    @pytest.mark.parametrize(("cooldown", "waits"), [(2, False), (4, True), (0, True)])
    def test_nobody_stands_in_line_longer_than_a_cool_down_lasts(self, cooldown: float, waits: bool) -> None:  # noqa: FBT001  # a column
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)])
        asking = providers(clock, tax, patience=60, pace=replace(PACE, min_interval=3, cooldown=cooldown))
        asking.ask(request())
        if waits:
            assert asking.ask(request()) == FOUND
        else:
            assert failure(asking) == (Reason.PROVIDER_CLOSED, 3)
        assert clock.slept == ([3] if waits else [])

    def test_a_second_find_takes_a_turn_and_waits_for_it(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)], finds=2)
        providers(clock, tax).ask(request())
        assert clock.slept == [1]
        assert tax.granted == [True]

    def test_a_second_find_is_refused_where_its_turn_would_come_too_late(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)], finds=2, seconds=0.5)
        providers(clock, tax).ask(request())
        assert tax.granted == [False]

    def test_a_probe_has_no_second_find(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(), Reply(FOUND)])
        asking = providers(clock, tax)
        failure(asking)
        clock.now += 20
        tax.finds = 2
        asking.ask(request())
        assert tax.granted == [False]

    def test_a_turn_that_was_not_used_is_still_good_and_counts_once(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)], finds=3, sent=False)
        asking = providers(clock, tax, pace=replace(PACE, daily_limit=2))
        asking.ask(request())
        clock.now += 1
        asking.ask(request())
        assert tax.granted == [True] * 4
        assert clock.slept == []

    def test_a_turn_that_was_not_used_is_lost_where_somebody_was_turned_away_meanwhile(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)], finds=2, sent=False)
        book = MemoryRateLimiter(lambda: clock.now)
        tax.while_asked = lambda: book.cool("nalog", PACE)
        Providers([(tax, PACE)], book, NullObserver(), clock.manners()).ask(request())
        assert tax.granted == [False]

    def test_a_probe_that_was_not_sent_is_still_the_probe(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Throttled(), Reply(FOUND)])
        asking = providers(clock, tax)
        failure(asking)
        clock.now += 20
        tax.finds, tax.sent = 2, False
        asking.ask(request())
        assert tax.granted == [True]

    def test_a_second_find_that_turns_out_to_be_the_probe_reports_back_as_one(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)], finds=2)
        book = MemoryRateLimiter(lambda: clock.now)
        asking = Providers([(tax, PACE)], book, NullObserver(), clock.manners())

        def turned_away_and_waited() -> None:
            book.cool("nalog", PACE)
            clock.now += 20

        tax.while_asked = turned_away_and_waited
        asking.ask(request())
        assert tax.granted == [True]
        tax.while_asked = lambda: None
        tax.finds = 1
        clock.now += 1
        # The probe is over: the next cool-down would be a first one again.
        assert asking.ask(request()) == FOUND
        assert book.cool("nalog", PACE) == 20


class TestStore:
    """The book is kept in a store that may be away."""

    def test_its_absence_is_the_store_s_failure_and_nobody_is_asked(self) -> None:
        clock, tax = Clock(), Upstream("nalog", [Reply(FOUND)])
        book = AwayBook(lambda: clock.now)
        asking = Providers([(tax, PACE)], book, NullObserver(), clock.manners())
        book.away = True
        assert failure(asking)[0] is Reason.STORE_UNAVAILABLE
        assert tax.asked == 0
        with pytest.raises(Unavailable):
            asking.states()

    @pytest.mark.parametrize("cool", [True, False])
    def test_a_good_answer_outlives_a_note_that_cannot_be_kept(self, cool: bool) -> None:  # noqa: FBT001  # a column
        clock, tax = Clock(), Upstream("nalog", [Throttled(), Reply(FOUND, cool=cool)])
        book, told = AwayBook(lambda: clock.now), Told()
        asking = Providers([(tax, PACE)], book, told, clock.manners())
        failure(asking)
        clock.now += 20

        def go() -> None:
            book.away = True

        tax.while_asked = go
        assert asking.ask(request()) == FOUND
        assert told.troubles == ["Unavailable"]


class TestReports:
    def test_calls_are_told_with_their_outcome(self) -> None:
        clock, told = Clock(), Told()
        says: list[Reply | BaseException] = [
            Reply(FOUND),
            Reply(Invalid((FieldError("a", "b"),))),
            Unavailable(Reason.BAD_REPLY),
            Throttled(),
        ]
        tax = Upstream("nalog", list(says))
        asking = Providers(
            [(tax, replace(PACE, min_interval=0))], MemoryRateLimiter(lambda: clock.now), told, clock.manners()
        )
        for _ in says:
            with suppress(Unavailable):
                asking.ask(request())
        assert told.calls == [("nalog", name) for name in ("found", "rejected", "bad_reply", "provider_closed")]

    def test_closing_and_opening_are_told_once(self) -> None:
        clock, told = Clock(), Told()
        tax = Upstream("nalog", [Throttled(), Reply(FOUND)])
        asking = Providers([(tax, PACE)], MemoryRateLimiter(lambda: clock.now), told, clock.manners())
        for _ in range(5):
            failure(asking)
        clock.now += 20
        # It is not open before the probe has its answer.
        tax.while_asked = lambda: told.closings.append(("probe", "asks", 1))
        asking.ask(request())
        tax.while_asked = lambda: None
        clock.now += 1
        asking.ask(request())
        assert told.closings == [("nalog", "cooling_down", 20), ("probe", "asks", 1), ("nalog", "cooling_down", 0)]

    def test_what_another_replica_closed_and_opened_is_told_too(self) -> None:
        clock, told = Clock(), Told()
        book = MemoryRateLimiter(lambda: clock.now)
        asking = Providers([(Upstream("nalog", [Reply(FOUND)]), PACE)], book, told, clock.manners())
        book.cool("nalog", PACE)
        failure(asking)
        failure(asking)
        clock.now += 20
        book.clear("nalog")
        asking.ask(request())
        assert told.closings == [("nalog", "cooling_down", 20), ("nalog", "cooling_down", 0)]

    def test_a_reached_limit_is_told(self) -> None:
        clock, told = Clock(), Told()
        pace = replace(PACE, daily_limit=1, min_interval=0)
        asking = Providers(
            [(Upstream("nalog", [Reply(FOUND)]), pace)], MemoryRateLimiter(lambda: clock.now), told, clock.manners()
        )
        asking.ask(request())
        failure(asking)
        failure(asking)
        assert told.closings == [("nalog", "daily_limit", seconds_to_midnight(clock.now))]

    def test_states_say_why_and_for_how_long(self) -> None:
        clock = Clock()
        tax, paid = Upstream("nalog", [Throttled()]), Upstream("apifns", [Reply(PAID)])
        asking = providers(clock, tax, paid)
        assert asking.states() == [State("nalog", None), State("apifns", None)]
        asking.ask(request())
        clock.now += 5
        assert asking.states() == [State("nalog", Shut(Why.COOLING, 15)), State("apifns", None)]


def test_many_threads_make_one_probe() -> None:
    clock = Clock()
    tax, paid = Upstream("nalog", [Throttled(), Reply(FOUND)]), Upstream("apifns", [Reply(PAID)])
    asking = providers(clock, tax, paid, pace=replace(PACE, min_interval=0))
    asking.ask(request())
    clock.now += 20
    started, done = threading.Event(), threading.Event()

    def linger() -> None:
        started.set()
        done.wait(30)

    tax.while_asked = linger
    with ThreadPoolExecutor(8) as pool:
        probe = pool.submit(asking.ask, request())
        started.wait(30)
        others = [pool.submit(asking.ask, request()) for _ in range(20)]
        assert [other.result(30) for other in others] == [PAID] * 20
        done.set()
        assert probe.result(30) == FOUND
    assert tax.asked == 2
