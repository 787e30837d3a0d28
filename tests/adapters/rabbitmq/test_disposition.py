from datetime import UTC, datetime

import pytest

from adapters.rabbitmq.disposition import (
    HOLD,
    MAX_THROTTLED,
    Destination,
    Disposition,
    disposition,
    is_forged,
    may_reply,
)
from adapters.rabbitmq.messages import Delivery, Properties
from adapters.rabbitmq.topology import Names
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected, Status
from tests.doubles import request

LIMIT = 3
ANSWERED = Answered(request(), Answer(Status.NOT_FOUND, "", "nalog", datetime(2026, 1, 1, tzinfo=UTC)), cached=True)
NAMED, UNNAMED, UNREAD = Rejected("r-1", ()), Rejected("", ()), Rejected(None, ())
REPLY, DONE = Disposition(replies=True), Disposition()
AGAIN = Disposition(destination=Destination.LOOKUP, reason="throttled")
FAILURES = (Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.INTERNAL_ERROR)


def deferred(reason: Reason) -> Deferred:
    return Deferred(request(), reason)


def park(reason: str, *, replies: bool = False) -> Disposition:
    return Disposition(replies=replies, destination=Destination.DEAD, reason=reason)


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
        pytest.param(deferred(Reason.STORE_UNAVAILABLE), 9, True, 0, HOLD, id="the store is waited for"),
        pytest.param(deferred(Reason.PROVIDER_CLOSED), 9, True, 0, HOLD, id="one's turn is waited for"),
        pytest.param(deferred(Reason.PENDING), 9, True, 0, HOLD, id="a pending answer is waited for"),
        pytest.param(deferred(Reason.DEADLINE), 9, True, 0, HOLD, id="a process that ends has not tried"),
        pytest.param(InProgress(request()), 9, True, 0, HOLD, id="another's fetch is waited for"),
        pytest.param(deferred(Reason.BAD_REPLY), 0, True, 0, Disposition(destination=Destination.RETRY, reason="bad_reply"), id="a failure is tried again"),
        *(
            pytest.param(deferred(reason), attempts, replies, 0, expected, id=f"{reason}, try {attempts + 1}, {replies}")
            for reason in FAILURES
            for attempts, replies, expected in (
                (LIMIT - 1, True, Disposition(destination=Destination.RETRY, reason=reason)),
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
    assert disposition(outcome, attempts, LIMIT, replies=replies, throttled=throttled) == expected


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_disposition(reason: Reason) -> None:
    chosen = disposition(deferred(reason), LIMIT, LIMIT, replies=True)
    assert chosen.destination is not Destination.NONE
    assert reason.is_failure is (chosen.destination is Destination.DEAD)


def test_without_retries_the_first_failure_is_the_last() -> None:
    assert disposition(deferred(Reason.BAD_REPLY), 0, 0, replies=True) == park("bad_reply", replies=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("customer", True, id="a queue"),
        pytest.param("amq.rabbitmq.reply-to.token", True, id="direct reply-to"),
        pytest.param("amq.rabbitmq.reply-to", False, id="direct reply-to without a token"),
        pytest.param("q" * 255, True, id="255 bytes"),
        pytest.param("q" * 300, False, id="300 bytes"),
        pytest.param("ы" * 128, False, id="256 bytes in 128 characters"),
        *(pytest.param(name, False, id=f"our own {name}") for name in sorted(Names("inn").all)),
    ],
)
def test_where_a_reply_may_go(name: str, expected: bool) -> None:  # noqa: FBT001  # a row of a table
    assert may_reply(name, Names("inn").all) is expected


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
    assert is_forged(delivery) is expected
