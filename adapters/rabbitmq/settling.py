"""What becomes of a delivery: decided from its outcome alone, before anything is done.

A delivery ends in at most one reply and at most one move to another of our queues, both confirmed by
the broker before it is acknowledged. A wait ends nothing: the delivery stays in hand and is tried again.
"""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple, assert_never

from adapters.rabbitmq.messages import DIRECT_REPLY, SHORT_STRING_BYTES, SUSPECT, Delivery
from function.outcomes import Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected, Status


class Move(Enum):
    """Where a message goes on."""

    NOWHERE = "nowhere"
    LOOKUP = "lookup"
    RETRY = "retry"
    DEAD = "dead"


class ReplyTo(Enum):
    """What may be sent back."""

    NOBODY = "nobody"
    SENDER = "sender"
    FORBIDDEN = "forbidden"


class Fate(NamedTuple):
    """What to do about a delivery, all of it. `reason` tells why it moves: a code."""

    replies: bool = False
    move: Move = Move.NOWHERE
    reason: str = ""


WAIT = None
"""In place of a fate: keep the delivery in hand and try again."""
HANDED_BACK = "handed_back"
"""Why a message went to the tail of its own queue: it was in hand for too long, or the process ends."""

TURNED_AWAY_LIMIT = 20
"""So often a provider may turn one request away, which burns no try, before it is parked.

Cool-downs in a row grow to an hour: a lone request outlasts half a day of captchas. One that is
turned away while others get through would shut the provider for all of them, for ever.
"""

_DIRECT = f"{DIRECT_REPLY}."

FORBIDDEN_REPLY = Rejected(None, (FieldError("reply_to", "must not name a queue of this service"),))


def reply_to(name: str, ours: Collection[str]) -> ReplyTo:
    """Whether a reply may go there; `ours`: the names of the service's own queues."""
    if not name:
        return ReplyTo.NOBODY
    if name in ours or name == DIRECT_REPLY or len(name.encode()) > SHORT_STRING_BYTES:
        return ReplyTo.FORBIDDEN
    return ReplyTo.SENDER


def in_vain(name: str, delivery: Delivery) -> bool:
    """Whether a reply to this queue would only end another connection, and is kept instead.

    A direct reply-to that the broker did not issue, which its form does not tell, ends one each time, and RabbitMQ 3.10
    puts the whole reply into its log. The request that did it is the one that came back when it was alone in hand.
    """
    return name.startswith(_DIRECT) and delivery.returns > SUSPECT


def decide(outcome: Outcome, attempts: int, limit: int, sender: ReplyTo, turned_away: int = 0) -> Fate | None:
    """The fate of a delivery, or WAIT.

    `attempts`: tries it has behind it; `limit`: the most that it may have; `turned_away`: how often a
    provider turned it away before.
    """
    replies = sender is ReplyTo.SENDER
    match outcome:
        case Answered():
            return Fate(replies)
        case Rejected(request_id):
            # Nobody can tell which request an unnamed one was, nor would a sender without an address ever know.
            return Fate(replies) if replies and request_id else Fate(replies, Move.DEAD, Status.REJECTED)
        case Deferred(reason=Reason.NOT_HERE as reason):
            return Fate(move=Move.LOOKUP, reason=reason)
        case InProgress():
            return WAIT
        case Deferred(reason=Reason.TURNED_AWAY as reason):
            # Behind the others: it may be this very request that the provider does not like.
            again = Fate(move=Move.LOOKUP, reason=reason)
            return again if turned_away + 1 < TURNED_AWAY_LIMIT else Fate(replies, Move.DEAD, reason)
        case Deferred(reason=reason):
            return _failed(reason, attempts < limit, replies=replies) if reason.burns_retry else WAIT
        case _:
            assert_never(outcome)


def status_of(outcome: Outcome) -> str:
    """What a log line and the metrics call it: the reply's status, else the reason's code."""
    match outcome:
        case Answered(answer=answer):
            return answer.status
        case Rejected():
            return Status.REJECTED
        case Deferred(reason=reason):
            return reason
        case InProgress():
            return Reason.IN_PROGRESS
        case _:
            assert_never(outcome)


def _failed(reason: str, again: bool, *, replies: bool) -> Fate:  # noqa: FBT001  # a fact, not a flag
    return Fate(move=Move.RETRY, reason=reason) if again else Fate(replies, Move.DEAD, reason)
