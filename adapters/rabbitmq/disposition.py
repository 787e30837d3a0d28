"""Decides what becomes of a delivery (reply, retry, hold, park) from its outcome and its earlier attempts. Pure.

A delivery ends in at most one reply and at most one move to another of our queues, both confirmed by
the broker before it is acknowledged. HOLD: the delivery stays unacknowledged and is tried again.
"""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple, assert_never

from adapters.rabbitmq.messages import DIRECT_REPLY, SHORT_STRING_BYTES, SUSPECT_RETURNS, Delivery
from function.outcomes import Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected, Status


class Destination(Enum):
    """Where a message goes: to another queue, nowhere, or it is held in memory."""

    NONE = "none"
    LOOKUP = "lookup"
    RETRY = "retry"
    DEAD = "dead"
    HELD = "held"


class Disposition(NamedTuple):
    """What to do about a delivery. `reason`: the code of why it moves."""

    replies: bool = False
    destination: Destination = Destination.NONE
    reason: str = ""


HOLD = Disposition(destination=Destination.HELD)
HANDED_BACK = "handed_back"
"""Reason of a message that returns to the tail of its own queue: it was held for too long, or the process ends."""

MAX_THROTTLED = 20
"""How often a provider may throttle one request before it is parked; these are not counted as retries.

Cool-downs in a row grow to an hour: a single request outlasts half a day of captchas. Without this limit, one that
is throttled while others are not would keep the provider's circuit open for ever.
"""

FORBIDDEN_REPLY = Rejected(None, (FieldError("reply_to", "must not name a queue of this service"),))


def disposition(outcome: Outcome, attempts: int, limit: int, *, replies: bool, throttled: int = 0) -> Disposition:
    """The disposition of a delivery.

    `attempts`: earlier ones; `limit`: the retries that it may have; `replies`: its sender may be answered;
    `throttled`: how often a provider throttled it before.
    """
    match outcome:
        case Answered():
            chosen = Disposition(replies)
        case Rejected(request_id) if replies and request_id:
            chosen = Disposition(replies)
        case Rejected():
            # Without a requestId or a reply queue the sender cannot learn which request was rejected.
            chosen = Disposition(replies, Destination.DEAD, Status.REJECTED)
        case Deferred(_, Reason.NOT_CACHED as reason):
            chosen = Disposition(destination=Destination.LOOKUP, reason=reason)
        case Deferred(_, Reason.THROTTLED as reason) if throttled + 1 < MAX_THROTTLED:
            # To the tail: this request itself may be the cause.
            chosen = Disposition(destination=Destination.LOOKUP, reason=reason)
        case Deferred(_, reason) if reason.is_failure and attempts < limit:
            chosen = Disposition(destination=Destination.RETRY, reason=reason)
        case Deferred(_, reason) if reason.is_failure or reason is Reason.THROTTLED:
            chosen = Disposition(replies, Destination.DEAD, reason)
        case Deferred() | InProgress():
            chosen = HOLD
        case _:
            assert_never(outcome)
    return chosen


def may_reply(name: str, own_queues: Collection[str]) -> bool:
    """Whether a reply may go to the queue of this name."""
    return name not in own_queues and name != DIRECT_REPLY and len(name.encode()) <= SHORT_STRING_BYTES


def is_forged(delivery: Delivery) -> bool:
    """Whether the direct reply-to looks forged: the reply goes to `.unrouted`, for it would close another connection.

    Before RabbitMQ 4.2 a direct reply-to that the broker did not issue closes the connection each time, and its form
    does not show that; 3.10 logs the whole reply. The request that did it is returned when it was the only one.
    """
    return delivery.reply_to.startswith(f"{DIRECT_REPLY}.") and delivery.returns > SUSPECT_RETURNS
