"""What becomes of a delivery: decided from its outcome alone, before anything is done.

A delivery ends in at most one reply and at most one move to another of our queues, both confirmed by
the broker before it is acknowledged. HOLD ends nothing: the delivery stays in hand and is tried again.
"""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple, assert_never

from adapters.rabbitmq.messages import DIRECT_REPLY, SHORT_STRING_BYTES, SUSPECT_RETURNS, Delivery
from function.outcomes import Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected, Status


class Destination(Enum):
    """Where a message goes on."""

    NONE = "none"
    LOOKUP = "lookup"
    RETRY = "retry"
    DEAD = "dead"
    HELD = "held"


class Disposition(NamedTuple):
    """What to do about a delivery, all of it. `reason`: why it moves, a code."""

    replies: bool = False
    destination: Destination = Destination.NONE
    reason: str = ""


HOLD = Disposition(destination=Destination.HELD)
HANDED_BACK = "handed_back"
"""Why a message went to the tail of its own queue: it was in hand for too long, or the process ends."""

MAX_THROTTLED = 20
"""So often a provider may turn one request away, which counts no retry, before it is parked.

Cool-downs in a row grow to an hour: a lone request outlasts half a day of captchas. One that is
turned away while others get through would close the provider for all of them, for ever.
"""

FORBIDDEN_REPLY = Rejected(None, (FieldError("reply_to", "must not name a queue of this service"),))


def disposition(outcome: Outcome, attempts: int, limit: int, *, replies: bool, throttled: int = 0) -> Disposition:
    """The disposition of a delivery.

    `attempts`: those behind it; `limit`: the retries that it may have; `replies`: its sender may be answered;
    `throttled`: how often a provider turned it away before.
    """
    match outcome:
        case Answered():
            chosen = Disposition(replies)
        case Rejected(request_id) if replies and request_id:
            chosen = Disposition(replies)
        case Rejected():
            # Nobody can tell which request an unnamed one was, nor would a sender without an address ever know.
            chosen = Disposition(replies, Destination.DEAD, Status.REJECTED)
        case Deferred(_, Reason.NOT_CACHED as reason):
            chosen = Disposition(destination=Destination.LOOKUP, reason=reason)
        case Deferred(_, Reason.THROTTLED as reason) if throttled + 1 < MAX_THROTTLED:
            # Behind the others: it may be this very request that the provider does not like.
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
    """Whether a reply would only end another connection, and goes to `.unrouted` instead.

    Before RabbitMQ 4.2 a direct reply-to that the broker did not issue, which its form does not show, ends one each
    time, and 3.10 writes the whole reply to its log. The request that did it is the one that came back when it was alone.
    """
    return delivery.reply_to.startswith(f"{DIRECT_REPLY}.") and delivery.returns > SUSPECT_RETURNS
