"""The work on one delivery, the same in both lanes: decoded into a job, settled by messages that its disposition asks for."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import NamedTuple

from adapters.rabbitmq.disposition import (
    FORBIDDEN_REPLY,
    HANDED_BACK,
    Destination,
    Disposition,
    disposition,
    is_forged,
    may_reply,
)
from adapters.rabbitmq.envelope import Envelope, decode, encode_reply
from adapters.rabbitmq.messages import ATTEMPTS, PARKED_AT, REASON, THROTTLED, Delivery, Message, copy_to, unrouted
from adapters.rabbitmq.topology import Names
from adapters.runtime.lookups import Lookups
from function.outcomes import Outcome, Reason
from function.ports import Clock
from function.result import result_of, summary_of
from function.telemetry import LookupEvent, Observer

ENTRY = "rabbitmq"


class LaneContext(NamedTuple):
    """What a lane works with, on whatever connection. `retries`: returns from `.retry` that a request may have."""

    names: Names
    lookups: Lookups
    clock: Clock
    retries: int
    observer: Observer


@dataclass(slots=True, eq=False)
class Job:
    """One delivery, decoded. `replies`: its sender may be answered; `traceparent`: of the work on it."""

    delivery: Delivery
    envelope: Envelope
    replies: bool
    attempts: int
    throttled: int
    traceparent: str

    @property
    def counts(self) -> dict[str, int]:
        """The headers that go along when it moves on."""
        counts = {ATTEMPTS: self.attempts, THROTTLED: self.throttled}
        return {name: count for name, count in counts.items() if count}


class Jobs:
    """Makes jobs of one queue's deliveries, and the messages that settle them. All of it is in memory."""

    def __init__(self, context: LaneContext, queue: str) -> None:
        self._context = context
        self._queue = queue
        self._own_queues = context.names.all
        # Message ids that no other message has.
        self._run = token_hex(8)
        self._numbers = count()

    def decode(self, delivery: Delivery) -> Job:
        """A delivery as a job; one whose reply would come back to us is no request."""
        envelope = decode(delivery)
        replies = delivery.reply_to != ""
        if replies and not may_reply(delivery.reply_to, self._own_queues):
            replies, envelope.fault = False, FORBIDDEN_REPLY
        attempts = throttled = 0
        # In the source queue all are new, whatever a client has written into the headers.
        if self._queue != self._context.names.source:
            attempts, throttled = delivery.attempts(self._context.names.retry), delivery.throttled
        return Job(delivery, envelope, replies, attempts, throttled, envelope.event.traceparent)

    def disposition(self, job: Job, outcome: Outcome) -> Disposition:
        """What becomes of it."""
        return disposition(outcome, job.attempts, self._context.retries, replies=job.replies, throttled=job.throttled)

    def settle(self, job: Job, outcome: Outcome, chosen: Disposition) -> list[Message]:
        """What to publish before the delivery is acknowledged; the end of the request is reported."""
        seconds = monotonic() - job.delivery.arrived
        self._report(job, outcome, seconds)
        now = self._context.clock.now()
        messages = []
        if chosen.replies:
            message_id = f"{self._run}-{next(self._numbers):x}"
            reply = encode_reply(job.delivery, job.envelope, result_of(outcome, seconds), message_id, now)
            forged = is_forged(job.delivery)
            messages.append(unrouted(reply, self._context.names, "unroutable") if forged else reply)
        if chosen.destination is not Destination.NONE:
            messages.append(self._move(job, chosen, now))
        return messages

    def hand_back(self, job: Job) -> Message:
        """The same message for the tail of its own queue, where its returns are forgotten but not its attempts."""
        return copy_to(self._queue, job.delivery, HANDED_BACK, job.counts)

    def _move(self, job: Job, chosen: Disposition, now: datetime) -> Message:
        names, reason = self._context.names, chosen.reason
        if chosen.destination is Destination.DEAD:
            parked_at = now.isoformat(timespec="seconds")
            facts = {ATTEMPTS: job.attempts + 1, REASON: reason, PARKED_AT: parked_at}
            return copy_to(names.dead, job.delivery, reason, facts)
        counts = job.counts
        if reason == Reason.THROTTLED:
            counts[THROTTLED] = job.throttled + 1
        return copy_to(
            names.lookup if chosen.destination is Destination.LOOKUP else names.retry, job.delivery, reason, counts
        )

    def _report(self, job: Job, outcome: Outcome, seconds: float) -> None:
        request_id, status, cached, provider, _ = summary_of(outcome)
        self._context.observer.lookup(
            LookupEvent(ENTRY, request_id, status, cached, provider, seconds, job.attempts + 1, job.traceparent)
        )
