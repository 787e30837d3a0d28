from datetime import UTC, datetime

import pytest

from adapters.rabbitmq.messages import Delivery, Properties
from adapters.rabbitmq.settlement import (
    HOLD,
    MAX_THROTTLED,
    OUTAGE_LOG_SEC,
    Disposition,
    HoldReport,
    Job,
    decode_job,
    disposition,
)
from adapters.rabbitmq.topology import QueueNames, queues
from adapters.runtime.clock import SystemClock
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected, Status
from tests.doubles import KNOWN, RecordingObserver, body, event, request

LIMIT = 3
ANSWERED = Answered(request(), Answer(Status.NOT_FOUND, "", "nalog", datetime(2026, 1, 1, tzinfo=UTC)), cached=True)
NAMED, UNNAMED, UNREAD = Rejected("r-1", ()), Rejected("", ()), Rejected(None, ())
REPLY, DONE = Disposition(replies=True), Disposition()
AGAIN = Disposition(moves_to="lookup", reason="throttled")
FAILURES = (Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.INTERNAL_ERROR)


def deferred(reason: Reason) -> Deferred:
    return Deferred(request(), reason)


def park(reason: str, *, replies: bool = False) -> Disposition:
    return Disposition(replies=replies, moves_to="dead", reason=reason)


@pytest.mark.parametrize(
    ("outcome", "attempts", "replies", "throttled", "expected"),
    [
        pytest.param(ANSWERED, 0, True, 0, REPLY, id="an answer is sent"),
        pytest.param(ANSWERED, 9, True, 0, REPLY, id="an answer is sent however long it took"),
        pytest.param(ANSWERED, 0, False, 0, DONE, id="an answer that nobody wants is done"),
        pytest.param(NAMED, 0, True, 0, REPLY, id="a request with wrong fields is told so"),
        pytest.param(NAMED, 0, False, 0, park("rejected"), id="a wrong request whose sender can't be told is parked"),
        pytest.param(UNNAMED, 0, True, 0, park("rejected", replies=True), id="one without an id is told so and parked"),
        pytest.param(UNREAD, 0, True, 0, park("rejected", replies=True), id="what is no request is told so and parked"),
        pytest.param(UNREAD, 0, False, 0, park("rejected"), id="what is no request is parked"),
        pytest.param(
            deferred(Reason.NOT_CACHED), 0, True, 0, AGAIN._replace(reason="not_cached"), id="what is not cached moves"
        ),
        *(
            pytest.param(deferred(reason), 9, True, 0, HOLD, id=f"{reason} is waited for")
            for reason in Reason
            if reason not in (*FAILURES, Reason.NOT_CACHED, Reason.THROTTLED)
        ),
        pytest.param(InProgress(request()), 9, True, 0, HOLD, id="another's fetch is waited for"),
        *(
            pytest.param(deferred(reason), attempts, replies, 0, expected, id=f"{reason}, try {attempts + 1}, {replies}")
            for reason in FAILURES
            for attempts, replies, expected in (
                (LIMIT - 1, True, Disposition(moves_to="retry", reason=reason)),
                (LIMIT, True, park(reason, replies=True)),
                (LIMIT + 1, True, park(reason, replies=True)),
                (LIMIT, False, park(reason)),
            )
        ),
        *(
            pytest.param(deferred(Reason.THROTTLED), LIMIT, replies, times, expected, id=f"turned away {times}, {replies}")
            for times, replies, expected in (
                (0, True, AGAIN),
                (MAX_THROTTLED - 2, True, AGAIN),
                (MAX_THROTTLED - 1, True, park("throttled", replies=True)),
                (MAX_THROTTLED - 1, False, park("throttled")),
            )
        ),
    ],
)  # fmt: skip
def test_the_disposition_of_a_delivery(
    outcome: Outcome,
    attempts: int,
    replies: bool,  # noqa: FBT001  # a column
    throttled: int,
    expected: Disposition,
) -> None:
    job = Job(Delivery(1, Properties(), b"", 0.0), event(), replies, attempts=attempts, throttled=throttled)
    assert disposition(job, outcome, LIMIT) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("customer", True, id="a queue"),
        pytest.param("amq.rabbitmq.reply-to.token", True, id="direct reply-to"),
        pytest.param("amq.rabbitmq.reply-to", False, id="direct reply-to without a token"),
        pytest.param("q" * 255, True, id="255 bytes"),
        pytest.param("q" * 300, False, id="300 bytes"),
        pytest.param("ы" * 128, False, id="256 bytes in 128 characters"),
        *(pytest.param(name, False, id=f"our own {name}") for name in sorted(QueueNames("inn").all)),
    ],
)
def test_where_a_reply_may_go(name: str, expected: bool) -> None:  # noqa: FBT001  # a row of a table
    job = decode_job(Delivery(1, Properties(reply_to=name), body(), 0.0), "inn", QueueNames("inn"))
    assert (job.replies, isinstance(job.event.request(SystemClock()), Rejected)) == (expected, not expected)


@pytest.mark.parametrize(
    ("name", "returns", "expected"),
    [
        pytest.param("amq.rabbitmq.reply-to.token", 0, False, id="direct, for the first time"),
        pytest.param("amq.rabbitmq.reply-to.token", 2, False, id="direct, returned together with others"),
        pytest.param("amq.rabbitmq.reply-to.token", 3, True, id="direct, and came back when it was alone"),
        pytest.param("amq.rabbitmq.reply-to-token", 3, False, id="a queue of nearly that name"),
        pytest.param("customer", 6, False, id="a queue ends no connection"),
    ],
)
def test_when_a_reply_would_only_end_another_connection(name: str, returns: int, expected: bool) -> None:  # noqa: FBT001  # a row of a table
    delivery = Delivery(1, Properties(headers={"x-delivery-count": returns}, reply_to=name), b"", 0.0)
    assert delivery.is_forged is expected


AWAY, CLOSED = deferred(Reason.STORE_UNAVAILABLE), deferred(Reason.PROVIDER_CLOSED)
FOUND, NOT_CACHED = Answered(request(), KNOWN, cached=True), deferred(Reason.NOT_CACHED)
FETCHED_BY_ANOTHER, BUG = InProgress(request()), deferred(Reason.INTERNAL_ERROR)
BEGIN, END = ("store_unavailable", 0), ("store_available", 7)

Happening = tuple[float, list[Outcome]]  # when, in seconds; the outcomes


def report(happenings: list[Happening]) -> RecordingObserver:
    observer = RecordingObserver()
    report = HoldReport(observer, "inn.lookup")
    for now, outcomes in happenings:
        report.report(outcomes, now)
    return observer


@pytest.mark.parametrize(
    ("happenings", "lines"),
    [
        pytest.param([(0, [FOUND]), (1, [NOT_CACHED])], [], id="nothing waits"),
        pytest.param([(0, [CLOSED]), (1, [FETCHED_BY_ANOTHER])], [], id="messages wait for something else"),
        pytest.param([(second, [AWAY] * 9) for second in range(600)], [BEGIN], id="one line, however many tries"),
        pytest.param([(0, [AWAY]), (7, [FOUND]), (8, [FOUND])], [BEGIN, END], id="its end: an answer is found"),
        pytest.param([(0, [AWAY]), (7, [NAMED, NOT_CACHED])], [BEGIN, END], id="its end: the store has none"),
        pytest.param([(0, [AWAY]), (7, [CLOSED])], [BEGIN, END], id="its end: a message waits for something else"),
        pytest.param([(0, [AWAY]), (7, [NAMED, BUG])], [BEGIN], id="no end: the store was not asked"),
        pytest.param([(0, [AWAY]), (7, [FOUND, AWAY])], [BEGIN], id="no end: an answer in memory beside a try in vain"),
        pytest.param(
            [(0, [AWAY]), (7, [FOUND]), (8, [AWAY]), (9, [FOUND])],
            [BEGIN, END],
            id="no more of one that comes and goes",
        ),
        pytest.param(
            [(0, [AWAY]), (7, [FOUND]), (7 + OUTAGE_LOG_SEC, [AWAY])], [BEGIN, END, BEGIN], id="a minute later"
        ),
    ],
)
def test_an_outage_of_the_store_is_told_once(happenings: list[Happening], lines: list[tuple[str, float]]) -> None:
    events = report(happenings).of("event")
    assert [(name, facts.get("seconds", 0)) for name, facts in events] == lines
    assert all(facts["queue"] == "inn.lookup" for _, facts in events)


def test_each_try_in_vain_counts_by_its_reason_but_a_closed_provider_which_is_told_elsewhere() -> None:
    held = report([(0, [AWAY] * 64), (1, [FETCHED_BY_ANOTHER, AWAY, CLOSED, FOUND])]).of("held")
    assert sorted(held) == [("in_progress", 1), ("store_unavailable", 1), ("store_unavailable", 64)]


def test_these_are_all_queues_each_after_the_one_it_moves_messages_to() -> None:
    """Their arguments are those of deploy/rabbitmq/definitions.json: see tests/system/rabbitmq/test_rights.py."""
    declared = queues(QueueNames("inn"), retry_sec=0.25)
    assert set(declared) == QueueNames("inn").all
    order = list(declared)
    targets = {
        name: order.index(arguments.get("x-dead-letter-routing-key", name)) for name, arguments in declared.items()
    }
    assert all(targets[name] <= order.index(name) for name in order)
    assert declared["inn.retry"]["x-message-ttl"] == 250
