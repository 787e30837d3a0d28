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


def deferred(reason: Reason) -> Deferred:
    return Deferred(request(), reason)


REPLY, DONE = Disposition(replies=True), Disposition()
PARK = Disposition(destination=Destination.DEAD, reason="rejected")
REPLY_AND_PARK = Disposition(replies=True, destination=Destination.DEAD, reason="rejected")


@pytest.mark.parametrize(
    ("outcome", "attempts", "replies", "expected"),
    [
        pytest.param(ANSWERED, 0, True, REPLY, id="an answer is sent"),
        pytest.param(ANSWERED, 9, True, REPLY, id="an answer is sent however long it took"),
        pytest.param(ANSWERED, 0, False, DONE, id="an answer that nobody wants is done"),
        pytest.param(NAMED, 0, True, REPLY, id="a request with wrong fields is told so"),
        pytest.param(NAMED, 0, False, PARK, id="a wrong request whose sender can't be told is parked"),
        pytest.param(UNNAMED, 0, True, REPLY_AND_PARK, id="one without an id is told so and parked"),
        pytest.param(UNREAD, 0, True, REPLY_AND_PARK, id="what is no request is told so and parked"),
        pytest.param(UNREAD, 0, False, PARK, id="what is no request is parked"),
        pytest.param(
            deferred(Reason.NOT_CACHED),
            0,
            True,
            Disposition(destination=Destination.LOOKUP, reason="not_cached"),
            id="not cached",
        ),
        pytest.param(deferred(Reason.STORE_UNAVAILABLE), 9, True, HOLD, id="the store is waited for"),
        pytest.param(deferred(Reason.PROVIDER_CLOSED), 9, True, HOLD, id="one's turn is waited for"),
        pytest.param(deferred(Reason.PENDING), 9, True, HOLD, id="a pending answer is waited for"),
        pytest.param(deferred(Reason.DEADLINE), 9, True, HOLD, id="a process that ends has not tried"),
        pytest.param(InProgress(request()), 9, True, HOLD, id="another's fetch is waited for"),
        *(
            pytest.param(
                deferred(reason), attempts, replies, expected, id=f"{reason}, try {attempts + 1}, replies: {replies}"
            )
            for reason in (Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.INTERNAL_ERROR)
            for attempts, replies, expected in (
                (0, True, Disposition(destination=Destination.RETRY, reason=reason)),
                (LIMIT - 1, True, Disposition(destination=Destination.RETRY, reason=reason)),
                (LIMIT, True, Disposition(replies=True, destination=Destination.DEAD, reason=reason)),
                (LIMIT + 1, True, Disposition(replies=True, destination=Destination.DEAD, reason=reason)),
                (LIMIT, False, Disposition(destination=Destination.DEAD, reason=reason)),
            )
        ),
    ],
)
def test_the_disposition_of_a_delivery(
    outcome: Outcome,
    attempts: int,
    replies: bool,  # noqa: FBT001  # a column
    expected: Disposition,
) -> None:
    assert disposition(outcome, attempts, LIMIT, replies=replies) == expected


@pytest.mark.parametrize(
    ("throttled", "replies", "expected"),
    [
        (0, True, Disposition(destination=Destination.LOOKUP, reason="throttled")),
        (MAX_THROTTLED - 2, True, Disposition(destination=Destination.LOOKUP, reason="throttled")),
        (
            MAX_THROTTLED - 1,
            True,
            Disposition(replies=True, destination=Destination.DEAD, reason="throttled"),
        ),
        (MAX_THROTTLED - 1, False, Disposition(destination=Destination.DEAD, reason="throttled")),
    ],
)
def test_who_is_turned_away_goes_behind_the_others_and_not_for_ever(
    throttled: int,
    replies: bool,  # noqa: FBT001  # a column
    expected: Disposition,
) -> None:
    assert disposition(deferred(Reason.THROTTLED), LIMIT, LIMIT, replies=replies, throttled=throttled) == expected


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_disposition(reason: Reason) -> None:
    chosen = disposition(deferred(reason), LIMIT, LIMIT, replies=True)
    assert chosen.destination is not Destination.NONE
    assert reason.is_failure is (chosen.destination is Destination.DEAD)


def test_without_retries_the_first_failure_is_the_last() -> None:
    assert disposition(deferred(Reason.BAD_REPLY), 0, 0, replies=True) == Disposition(
        replies=True, destination=Destination.DEAD, reason="bad_reply"
    )


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
        pytest.param("amq.rabbitmq.reply-to.token", 2, False, id="direct, in hand beside others when they came back"),
        pytest.param("amq.rabbitmq.reply-to.token", 3, True, id="direct, and came back when it was alone"),
        pytest.param("amq.rabbitmq.reply-to-token", 3, False, id="a queue of nearly that name"),
        pytest.param("customer", 6, False, id="a queue ends no connection"),
    ],
)
def test_when_a_reply_would_only_end_another_connection(name: str, returns: int, expected: bool) -> None:  # noqa: FBT001  # a row of a table
    delivery = Delivery(1, Properties(headers={"x-delivery-count": returns}, reply_to=name), b"", 0.0)
    assert is_forged(delivery) is expected
