"""The work on one delivery, the same in both lanes: decoded into a job, settled by messages that its disposition asks for.

A request is the contract's plain JSON, or a CloudEvent in binary mode (its attributes in headers) or in structured mode
(the whole event in the body); its reply is in the same mode. What is none of these is a `NoRequest`, never an exception.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import Any, NamedTuple

from typing_extensions import override

from adapters.rabbitmq import messages
from adapters.rabbitmq.disposition import (
    FORBIDDEN_REPLY,
    HANDED_BACK,
    Destination,
    Disposition,
    disposition,
    is_forged,
    may_reply,
)
from adapters.rabbitmq.messages import Delivery, Headers, Message, Properties, copy_to
from adapters.rabbitmq.topology import Names
from adapters.runtime.lookup_runner import LookupRunner
from function import event as cloudevent
from function.event import Event, InvalidEvent, Mode
from function.outcomes import FieldError, Outcome, Reason, Rejected
from function.ports import Clock
from function.result import LookupResult, result_of, summary_of
from function.telemetry import LookupEvent, Observer

ENTRY = "rabbitmq"
MAX_BODY_BYTES = 64 * 1024
PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
"""Before the names of CloudEvents attributes among the headers; the two latter are those of AMQP 1.0's binding."""


class LaneContext(NamedTuple):
    """What a lane works with, on whatever connection. `retries`: returns from `.retry` that a request may have."""

    names: Names
    lookups: LookupRunner
    clock: Clock
    retries: int
    observer: Observer


@dataclass(slots=True, eq=False)
class Job:
    """One delivery, decoded. `replies`: its sender may be answered; `traceparent`: of the work on it."""

    delivery: Delivery
    event: Event
    replies: bool
    traceparent: str
    attempts: int = 0
    throttled: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The headers that go along when it moves on."""
        counts = {messages.ATTEMPTS: self.attempts, messages.THROTTLED: self.throttled}
        return {name: count for name, count in counts.items() if count}


class Jobs:
    """Makes jobs of one queue's deliveries, and the messages that settle them. All of it is in memory."""

    def __init__(self, context: LaneContext, queue: str) -> None:
        self._context = context
        self._queue = queue
        # In the source queue all are new, whatever a client has written into the headers.
        self._counts = queue != context.names.source
        # Message ids that no other message has.
        self._run = token_hex(8)
        self._numbers = count()

    def decode(self, delivery: Delivery) -> Job:
        """A delivery as a job; one whose reply would come back to us is no request."""
        event = decode(delivery)
        replies = delivery.reply_to != ""
        if replies and not may_reply(delivery.reply_to, self._context.names.all):
            replies, event = False, NoRequest(FORBIDDEN_REPLY, event)
        job = Job(delivery, event, replies, event.traceparent)
        if self._counts and delivery.headers:
            job.attempts, job.throttled = delivery.attempts(self._context.names.retry), delivery.throttled
        return job

    def disposition(self, job: Job, outcome: Outcome) -> Disposition:
        """What becomes of it."""
        return disposition(outcome, job.attempts, self._context.retries, replies=job.replies, throttled=job.throttled)

    def settle(self, job: Job, outcome: Outcome, chosen: Disposition) -> list[Message]:
        """What to publish before the delivery is acknowledged; the end of the request is reported."""
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
            settling.append(messages.unrouted(reply, names, "unroutable") if is_forged(job.delivery) else reply)
        match chosen.destination:
            case Destination.DEAD:
                parked_at = now.isoformat(timespec="seconds")
                facts = {
                    messages.ATTEMPTS: job.attempts + 1,
                    messages.REASON: chosen.reason,
                    messages.PARKED_AT: parked_at,
                }
                settling.append(copy_to(names.dead, job.delivery, chosen.reason, facts))
            case Destination.RETRY:
                settling.append(copy_to(names.retry, job.delivery, chosen.reason, job.counts))
            case Destination.LOOKUP:
                turned_away = {messages.THROTTLED: job.throttled + 1} if chosen.reason == Reason.THROTTLED else {}
                settling.append(copy_to(names.lookup, job.delivery, chosen.reason, job.counts | turned_away))
        return settling

    def hand_back(self, job: Job) -> Message:
        """The same message for the tail of its own queue, where its returns are forgotten but not its attempts."""
        return copy_to(self._queue, job.delivery, HANDED_BACK, job.counts)


class NoRequest(Event):
    """A message that is no request, or none to answer."""

    __slots__ = ("_fault",)

    def __init__(self, fault: Rejected, event: Event) -> None:
        super().__init__(b"", event.id, event.traceparent, event.mode)
        self._fault = fault

    @override
    def request(self, clock: Clock) -> Rejected:
        return self._fault


def decode(delivery: Delivery) -> Event:
    """Read the envelope. Nothing is invented for what is missing."""
    headers, body = delivery.headers, delivery.body
    content_type = delivery.properties.content_type or ""
    prefix = _prefix(headers) if headers else ""
    mode = Mode.BINARY if prefix else Mode.PLAIN
    if content_type.lower().startswith("application/cloudevents"):
        mode = Mode.STRUCTURED
    event, fault = Event(body), None
    if len(body) > MAX_BODY_BYTES:
        fault = InvalidEvent(f"expected a request of at most {MAX_BODY_BYTES} bytes")
    elif mode is Mode.STRUCTURED and content_type.partition(";")[0].strip().lower() != cloudevent.STRUCTURED_TYPE:
        fault = InvalidEvent(f"expected one CloudEvent as {cloudevent.STRUCTURED_TYPE}")
    elif mode is not Mode.PLAIN:
        try:
            if mode is Mode.STRUCTURED:
                event = cloudevent.from_structured(body)
            else:
                named = {
                    name.removeprefix(prefix).lower(): headers[name] for name in headers if name.startswith(prefix)
                }
                event = cloudevent.from_binary(named, body, content_type)
        except InvalidEvent as error:
            fault = error
    if fault is not None:
        event = NoRequest(Rejected(None, (FieldError("", str(fault)),)), Event(b"", fault.id, mode=mode))
    if headers and not event.traceparent:
        event.traceparent = cloudevent.traceparent(headers)
    return event


def encode_reply(delivery: Delivery, event: Event, result: LookupResult, message_id: str, now: datetime) -> Message:
    """The reply for the sender. `message_id`: no other message has it; `now`: aware."""
    content_type = cloudevent.JSON_TYPE
    headers: dict[str, Any] = {"traceparent": event.traceparent} if event.traceparent else {}
    if event.mode is Mode.PLAIN:
        body = result.to_json()
    else:
        headers = cloudevent.reply_attributes(event.id, event.traceparent, message_id, now)
        if event.mode is Mode.STRUCTURED:
            content_type, body, headers = cloudevent.STRUCTURED_TYPE, cloudevent.structured_reply(headers, result), {}
        else:
            # The content type has a property of its own.
            del headers["datacontenttype"]
            body, prefix = result.to_json(), _prefix(delivery.headers)
            headers = {f"{prefix}{name}": value for name, value in headers.items()}
    correlation_id = delivery.properties.correlation_id or result.request_id
    properties = Properties(
        headers=headers or None,
        delivery_mode=messages.PERSISTENT,
        content_type=content_type,
        # AMQP may have no room for a requestId: it stands in the body too.
        correlation_id=correlation_id if len(correlation_id.encode()) <= messages.SHORT_STRING_BYTES else None,
        message_id=message_id,
        message_type=cloudevent.COMPLETED,
        timestamp=now,
    )
    return Message(delivery.reply_to, properties, body)


def _prefix(headers: Headers) -> str:
    """The prefix of the CloudEvents attributes; "" where the message is no event in binary mode."""
    return next((prefix for name in headers for prefix in PREFIXES if name.startswith(prefix)), "")
