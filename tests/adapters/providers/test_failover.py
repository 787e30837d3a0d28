"""Fail-over: which provider is asked, and when; polls; what the Observer hears."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from adapters.providers import FailoverProvider, ProviderStatus
from adapters.providers.failover import PERSON_COOLDOWN, PersonCooldowns
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Pending, ProviderReply, Throttled, Ticket, Unavailable, Verdict
from function.rate_limit import DenialReason, Denied, RateLimit, seconds_to_midnight
from function.request import LookupRequest
from tests.adapters.providers.nalog.clients import request
from tests.doubles import MemoryRateLimiter, RecordingObserver

NOON = 1_782_900_000.0
FOUND = Verdict(Status.FOUND, "770000000082", "nalog")
PAID = Verdict(Status.FOUND, "770000000082", "apifns")
INVALID = Invalid((FieldError("lastName", "?"),))
LIMIT = RateLimit(min_interval=1, cooldown=20, daily_limit=0, probe_lease=60)
UNPACED = replace(LIMIT, min_interval=0)
TICKET = Ticket("nalog", "0A1B", datetime.fromtimestamp(NOON, UTC) + timedelta(seconds=180))
PENDING = Pending(TICKET, 1)
CAPTCHA_AHEAD = ProviderReply(FOUND, captcha_ahead=True)
AWAY, BAD = Unavailable(Reason.PROVIDER_UNAVAILABLE), Unavailable(Reason.BAD_REPLY)
FOREIGNER: dict[str, Any] = {"documentType": "10", "documentSerial": "", "documentNumber": "A1"}
ANOTHER: dict[str, Any] = {"documentNumber": "999999"}

Said = Verdict | Invalid | Pending | ProviderReply | BaseException


class StubProvider:
    """A Provider that gives these replies in order, the last one for ever; an exception is raised. apifns serves passports."""

    def __init__(self, name: str, said: Sequence[Said]) -> None:
        self.name = name
        self.said = list(said)
        self.while_asked: Callable[[], object] = lambda: None
        self.tickets: list[Ticket | None] = []

    @property
    def asked(self) -> int:
        return len(self.tickets)

    def serves(self, request: LookupRequest) -> bool:
        return self.name == "nalog" or request.document_type == "21"

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        self.tickets.append(ticket)
        self.while_asked()
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, BaseException):
            raise said
        return said if isinstance(said, ProviderReply) else ProviderReply(said)


class World:
    """The tax service and, where it says something, the paid provider; fail-over, and the clocks of a process."""

    def __init__(
        self,
        *tax: Said,
        paid: Sequence[Said] = (),
        limit: RateLimit = LIMIT,
        order: Sequence[str] = ("nalog", "apifns"),
        paid_limit: RateLimit | None = None,
    ) -> None:
        self.seconds, self.store_is_away = NOON, False
        self.tax, self.paid = StubProvider("nalog", tax), StubProvider("apifns", paid)
        self.limiter, self.observer = MemoryRateLimiter(self.store_time), RecordingObserver()
        limited = {"nalog": (self.tax, limit)} | ({"apifns": (self.paid, paid_limit or limit)} if paid else {})
        providers = [limited[name] for name in order if name in limited]
        self.failover = FailoverProvider(providers, self.limiter, self.observer, self, self.monotonic)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def store_time(self) -> float:
        if self.store_is_away:
            raise Unavailable(Reason.STORE_UNAVAILABLE)
        return self.seconds

    def ask(self, ticket: Ticket | None = None, **changed: object) -> Verdict | Invalid | Pending:
        return self.failover.ask(request(**changed), ticket)

    def end(self, ticket: Ticket | None = None, **changed: object) -> Any:
        """How a request ends, whichever way."""
        try:
            return self.ask(ticket, **changed)
        except Unavailable as no:
            return no.reason, no.retry_after
        except ZeroDivisionError as bug:
            return type(bug)

    @property
    def states(self) -> list[Denied | None]:
        return [state.denied for state in self.failover.states()]

    @property
    def asked(self) -> tuple[int, int]:
        return self.tax.asked, self.paid.asked


def ready(*said: Said, paid: Sequence[Said] = (), limit: RateLimit = LIMIT) -> World:
    """After the cool-down of a throttled find: the next one is a probe."""
    world = World(Throttled(20), *said, paid=paid, limit=limit)
    world.end()
    world.seconds += 20
    return world


OFF = replace(LIMIT, cooldown=0)
CLOSED = Reason.PROVIDER_CLOSED
OPENS_SESSION = Unavailable(CLOSED, 1)
THROTTLED = Reason.THROTTLED


class Step(NamedTuple):
    """A request, so many seconds after the one before, and how it ends."""

    ending: object
    after: float = 0
    ticket: Ticket | None = None
    changed: Mapping[str, object] = {}


GOOD: dict[str, Said] = {"an answer": FOUND, "an invalid person": INVALID, "a ticket": PENDING}
FALLBACK_FAILURES = [AWAY, Unavailable(Reason.BAD_REPLY, 3), Throttled(), Throttled(3600)]
# How finds and other requests end, one after the other, and how often each provider was asked.
ENDINGS: dict[str, tuple[World, list[object], tuple[int, int]]] = {
    "whom one throttles goes to the next": (World(Throttled(), paid=[PAID], limit=UNPACED), [PAID, PAID], (1, 2)),
    "one that fails is not passed over":
        (World(BAD, FOUND, paid=[PAID], limit=UNPACED), [(BAD.reason, 0), FOUND], (2, 0)),
    "nor one that is paced": (World(FOUND, paid=[PAID]), [FOUND, (CLOSED, 1)], (1, 0)),
    "nor one that opens its session: it was not asked, and has not failed":
        (World(OPENS_SESSION, FOUND, paid=[PAID], limit=UNPACED), [(CLOSED, 1), FOUND], (2, 0)),
    "when all are shut the first to open is waited for":
        (World(Throttled(300), paid=[Throttled(100)]), [(Reason.THROTTLED, 100), (CLOSED, 100)], (1, 1)),
    "who waits for the fallback is told when it may be asked again":
        (World(Throttled(3000), paid=[BAD]), [(Reason.THROTTLED, 60)], (1, 1)),
    **{
        f"a fallback that fails changes nothing: {said.reason.value}, {said.retry_after} s, cool-down {limit.cooldown}": (
            World(Throttled(50), paid=[said], limit=limit), [(Reason.THROTTLED, 50), (CLOSED, 50)], (1, 1)
        )
        for said in FALLBACK_FAILURES
        for limit in ((LIMIT, OFF) if said is AWAY else (LIMIT,))
    },
    "a good reply may ask for a cool-down": (World(CAPTCHA_AHEAD), [FOUND, (CLOSED, 20)], (1, 0)),
    "throttling is a failure where cool-downs are off":
        (World(Throttled(), limit=OFF), [(Reason.PROVIDER_UNAVAILABLE, 0)], (1, 0)),
    **{
        f"a probe without an answer closes for longer: {said.reason.value}": (
            ready(said), [(said.reason, 40), (CLOSED, 40)], (2, 0)
        )
        for said in (Throttled(), AWAY, BAD)
    },
    "a failed probe's request goes to the next": (ready(AWAY, paid=[PAID]), [PAID], (2, 2)),
    "and is a failure still where that fails": (ready(BAD, paid=[AWAY]), [(Reason.BAD_REPLY, 40)], (2, 1)),
    "where cool-downs are off nobody waits for it":
        (ready(BAD, FOUND, limit=replace(UNPACED, cooldown=0)), [(Reason.BAD_REPLY, 0), FOUND], (3, 0)),
    "a poll goes to the provider of its ticket though it is closed":
        (World(Throttled(), FOUND, paid=[PAID]), [PAID, Step(FOUND, ticket=TICKET)], (2, 1)),
    "a poll whose ticket is of no more use fails and nobody else is asked":
        (World(AWAY, paid=[PAID]), [Step((Reason.PROVIDER_UNAVAILABLE, 0), ticket=TICKET)], (1, 0)),
    "a poll that announces a captcha cools the provider down and keeps its ticket":
        (World(ProviderReply(PENDING, captcha_ahead=True)), [Step(PENDING, ticket=TICKET), (CLOSED, 20)], (1, 0)),
    "a poll is no probe": (ready(FOUND, Throttled()), [Step(FOUND, ticket=TICKET), (THROTTLED, 40)], (3, 0)),
    "a request goes to the next when the day's limit is reached": (
        World(FOUND, paid=[PAID], limit=replace(UNPACED, daily_limit=2), paid_limit=UNPACED),
        [FOUND, FOUND, PAID, PAID, Step(FOUND, seconds_to_midnight(NOON))], (3, 2),
    ),
    "who does not serve a person is passed over and takes no turn":
        (World(FOUND, paid=[PAID], order=("apifns", "nalog")), [Step(FOUND, changed=FOREIGNER), PAID], (1, 1)),
    "nobody is kept from the fallback because it is shut itself": (
        World(Throttled(3000), paid=[Throttled(), PAID]),
        [Step((THROTTLED, 60), changed=ANOTHER), (CLOSED, 20), Step(PAID, 20)], (1, 2),
    ),
    "a throttled provider is left alone, and short again after a good reply":
        (World(Throttled(), FOUND, Throttled()), [(THROTTLED, 20), Step((CLOSED, 19), 1), Step(FOUND, 19),
         Step((THROTTLED, 20), 1)], (3, 0)),
    **{
        f"a probe that ends with {kind} opens the provider": (ready(said), [said, Step(said, 1)], (3, 0))
        for kind, said in GOOD.items()
    },
    "a bug in a probe closes it again and comes out":
        (ready(ZeroDivisionError()), [ZeroDivisionError, (CLOSED, 40)], (2, 0)),
}  # fmt: skip


@pytest.mark.parametrize("row", ENDINGS)
def test_how_requests_end_and_who_is_asked(row: str) -> None:
    world, steps, asked = ENDINGS[row]
    for step in steps:
        ending, seconds, ticket, changed = step if isinstance(step, Step) else Step(step)
        world.seconds += seconds
        assert world.end(ticket, **changed) == ending
    assert world.asked == asked


def test_a_find_that_is_pending_gives_a_ticket_and_its_polls_have_it_and_take_no_permit() -> None:
    world = World(*[PENDING] * 5, FOUND, limit=replace(LIMIT, daily_limit=1))
    assert [world.ask(), *(world.ask(TICKET) for _ in range(5))] == [PENDING] * 5 + [FOUND]
    assert world.tax.tickets == [None, *[TICKET] * 5]
    assert world.end() == (CLOSED, seconds_to_midnight(NOON))


@pytest.mark.parametrize(
    "ticket",
    [TICKET._replace(provider="gone"), TICKET._replace(expires_at=TICKET.expires_at - timedelta(seconds=180))],
    ids=["of nobody", "expired"],
)
def test_a_ticket_that_is_no_good_is_a_find_with_a_permit(ticket: Ticket) -> None:
    world = World(FOUND)
    assert world.ask(ticket) == FOUND
    assert world.end(ticket) == (CLOSED, 1)
    assert world.tax.tickets == [None]


def test_a_poll_that_failed_opens_nothing_and_is_counted_as_every_call_is_with_its_outcome() -> None:
    failed = ProviderReply(Pending(TICKET._replace(polls=1), 2), failure=Reason.PROVIDER_UNAVAILABLE)
    world = World(failed, FOUND, INVALID, BAD, Throttled(), limit=UNPACED)
    assert world.ask(TICKET) == failed.answer
    assert world.states == [None]
    for _ in range(4):
        world.end()
    outcomes = [outcome for _, outcome, _ in world.observer.of("provider_called")]
    assert outcomes == ["provider_unavailable", "found", "rejected", "bad_reply", "throttled"]


def test_a_person_whom_a_fallback_failed_for_waits_longer_each_time_and_others_are_taken_to_it() -> None:
    world, waits = World(Throttled(100_000), paid=[*[BAD] * 9, PAID], limit=UNPACED), []
    world.end()
    for _ in range(8):
        reason, seconds = world.end()
        assert reason is CLOSED
        waits.append(seconds)
        world.seconds += seconds - 1
        assert world.end() == (CLOSED, 1)
        world.seconds += 1
        world.end()
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert world.paid.asked == 9
    assert world.ask(**ANOTHER) == PAID
    assert world.end() == (CLOSED, 3600)


def test_of_too_many_persons_the_oldest_cool_down_is_dropped() -> None:
    cooldowns, seconds = PersonCooldowns(lambda: NOON, capacity=2), PERSON_COOLDOWN.cooldown
    persons = [request(documentNumber=f"{number:06}").person for number in (1, 2, 3)]
    assert [cooldowns.start(person, 0) for person in persons] == [seconds] * 3
    assert [cooldowns.remaining(person) for person in persons] == [0, seconds, seconds]


def test_others_wait_or_go_elsewhere_while_a_probe_is_under_way() -> None:
    world, seen = ready(FOUND), []
    world.tax.while_asked = lambda: seen.append(world.end())
    assert world.ask() == FOUND
    assert seen == [(CLOSED, 2)]  # its lease is 60 s, but it will be over sooner
    assert world.tax.asked == 2


def test_a_good_reply_to_an_earlier_request_does_not_open_what_was_closed_meanwhile() -> None:
    world = World(FOUND)
    world.tax.while_asked = lambda: world.limiter.cool_down("nalog", LIMIT)
    assert world.ask() == FOUND
    world.seconds += 20
    # It would be 20 again had that reply counted as a proof.
    assert world.limiter.cool_down("nalog", LIMIT) == 40


def test_the_absence_of_the_store_is_its_own_failure_and_nobody_is_asked() -> None:
    world = World(FOUND)
    world.store_is_away = True
    assert world.end() == (Reason.STORE_UNAVAILABLE, 0)
    assert world.tax.asked == 0
    with pytest.raises(Unavailable):
        world.failover.states()


@pytest.mark.parametrize("said", [CAPTCHA_AHEAD, FOUND], ids=["a captcha ahead", "a good probe"])
def test_a_good_answer_outlives_a_note_that_cannot_be_kept(said: Said) -> None:
    world = ready(said)
    world.tax.while_asked = lambda: setattr(world, "store_is_away", True)
    assert world.ask() == FOUND
    assert [type(error) for _, error in world.observer.of("error")] == [Unavailable]


def test_closing_and_opening_are_told_once() -> None:
    world = World(Throttled(), FOUND)
    for _ in range(5):
        world.end()
    world.seconds += 20
    # It is not open before the probe has its answer.
    world.tax.while_asked = lambda: world.observer.provider_closed("probe", "asks", 1)
    world.ask()
    world.tax.while_asked = lambda: None
    world.seconds += 1
    world.ask()
    told = [("nalog", "cooling_down", 20), ("probe", "asks", 1), ("nalog", "cooling_down", 0)]
    assert world.observer.of("provider_closed") == told


def test_what_another_replica_closed_and_opened_is_told_too_and_a_reached_limit() -> None:
    world = World(FOUND, limit=replace(LIMIT, daily_limit=1))
    world.limiter.cool_down("nalog", LIMIT)
    world.end()
    world.end()
    world.seconds += 20
    world.limiter.recover("nalog")
    for _ in range(3):
        world.end()
    told = [("cooling_down", 20), ("cooling_down", 0), ("daily_limit", seconds_to_midnight(world.seconds))]
    assert world.observer.of("provider_closed") == [("nalog", *each) for each in told]


def test_states_say_why_and_for_how_long() -> None:
    world = World(Throttled(), paid=[PAID])
    assert world.failover.states() == [ProviderStatus("nalog", None), ProviderStatus("apifns", None)]
    world.ask()
    world.seconds += 5
    assert world.states == [Denied(DenialReason.COOLING_DOWN, 15), None]
