"""Settles a delivery, the same way in both lanes: its disposition, its reply, its copy for another queue."""

from dataclasses import dataclass
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
from adapters.rabbitmq.envelope import InvalidMessage, decode, encode_reply
from adapters.rabbitmq.messages import ATTEMPTS, PARKED_AT, REASON, THROTTLED, Delivery, Message, copy_to, unrouted
from adapters.rabbitmq.topology import Names
from adapters.runtime.lookup_runner import LookupRunner
from function.event import Event
from function.outcomes import Outcome, Reason
from function.ports import Clock
from function.result import result_of, summary_of
from function.telemetry import LookupEvent, Observer

ENTRY = "rabbitmq"


class LaneContext(NamedTuple):
    """What a lane needs beside its connection. `retries`: returns from `.retry` that a request may have."""

    names: Names
    lookups: LookupRunner
    clock: Clock
    retries: int
    observer: Observer


@dataclass(slots=True, eq=False)
class Job:
    """One decoded delivery. `replies`: its sender may be answered; `traceparent`: of the span that processes it."""

    delivery: Delivery
    event: Event
    replies: bool
    traceparent: str
    attempts: int = 0
    throttled: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The headers of its copy in another queue."""
        counts = {ATTEMPTS: self.attempts, THROTTLED: self.throttled}
        return {name: count for name, count in counts.items() if count}


class Settlement:
    """Decodes deliveries of one queue into jobs, and makes the messages that settle them; no I/O."""

    def __init__(self, context: LaneContext, queue: str) -> None:
        self._context = context
        self._queue = queue
        # In the source queue all are new, even if a client has set these headers.
        self._counts = queue != context.names.source
        # For unique message ids.
        self._run = token_hex(8)
        self._numbers = count()

    def decode(self, delivery: Delivery) -> Job:
        """A delivery as a job; an InvalidMessage where its reply would come back to one of our queues."""
        event = decode(delivery)
        replies = delivery.reply_to != ""
        if replies and not may_reply(delivery.reply_to, self._context.names.all):
            replies, event = False, InvalidMessage(FORBIDDEN_REPLY, event)
        job = Job(delivery, event, replies, event.traceparent)
        if self._counts and delivery.headers:
            job.attempts, job.throttled = delivery.attempts(self._context.names.retry), delivery.throttled
        return job

    def disposition(self, job: Job, outcome: Outcome) -> Disposition:
        """The disposition of the job's delivery."""
        return disposition(outcome, job.attempts, self._context.retries, replies=job.replies, throttled=job.throttled)

    def settle(self, job: Job, outcome: Outcome, chosen: Disposition) -> list[Message]:
        """The messages to publish before the delivery is acknowledged. Reports the end of the lookup."""
        names, seconds = self._context.names, monotonic() - job.delivery.arrived
        request_id, status, cached, provider, _ = summary_of(outcome)
        self._context.observer.lookup(
            LookupEvent(ENTRY, request_id, status, cached, provider, seconds, job.attempts + 1, job.traceparent)
        )
        now = self._context.clock.now()
        settling = []
        if chosen.replies:
            message_id = f"{self._run}-{next(self._numbers):x}"
            reply = encode_reply(job.delivery, job.event, result_of(outcome, seconds), message_id, now)
            settling.append(unrouted(reply, names, "unroutable") if is_forged(job.delivery) else reply)
        match chosen.destination:
            case Destination.DEAD:
                parked_at = now.isoformat(timespec="seconds")
                facts = {ATTEMPTS: job.attempts + 1, REASON: chosen.reason, PARKED_AT: parked_at}
                settling.append(copy_to(names.dead, job.delivery, chosen.reason, facts))
            case Destination.RETRY:
                settling.append(copy_to(names.retry, job.delivery, chosen.reason, job.counts))
            case Destination.LOOKUP:
                throttled = {THROTTLED: job.throttled + 1} if chosen.reason == Reason.THROTTLED else {}
                settling.append(copy_to(names.lookup, job.delivery, chosen.reason, job.counts | throttled))
        return settling

    def hand_back(self, job: Job) -> Message:
        """A copy for the tail of its own queue: its returns count from 0 again, its attempts do not."""
        return copy_to(self._queue, job.delivery, HANDED_BACK, job.counts)
