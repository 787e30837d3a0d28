"""Messages in and out: a delivery read as one request, and the reply in the request's own mode.

A request is the contract's plain JSON, or a CloudEvent in binary mode (its attributes in headers) or in
structured mode (the whole event in the body). What is none of these is a `Rejected`, never an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pamqp.commands import Basic

from function import cloudevent
from function.cloudevent import NotAnEvent, RequestEvent
from function.contract import Event, LookupResult
from function.outcomes import FieldError, Rejected

Properties = Basic.Properties

PERSISTENT = 2
MAX_BODY_BYTES = 64 * 1024
SHORT_STRING_BYTES = 255
"""What AMQP takes as the name of a queue or as a correlation id."""
DIRECT_REPLY = "amq.rabbitmq.reply-to"
"""The pseudo-queue of direct reply-to. A client's own one has a dot and a token behind it."""

PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
"""How CloudEvents attributes are told from other headers; the two latter are those of AMQP 1.0's binding."""


class Mode(Enum):
    """How a request came, and its reply goes."""

    PLAIN = "plain"
    BINARY = "binary"
    STRUCTURED = "structured"


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as the broker gave it. `arrived`: seconds on the monotonic clock."""

    tag: int
    properties: Properties
    body: bytes
    arrived: float

    @property
    def headers(self) -> Mapping[str, object]:
        """Its headers; none is an empty mapping."""
        return self.properties.headers or {}

    @property
    def returns(self) -> int:
        """How often it came back from a consumer that died with it in hand."""
        count = self.headers.get("x-delivery-count", 0)
        return count if isinstance(count, int) else 0

    @property
    def reply_to(self) -> str:
        """The queue of its sender; "" where it wants no reply."""
        return self.properties.reply_to or ""


@dataclass(slots=True, eq=False)
class Envelope:
    """A delivery that was read: the request to handle, or why it is none, and what its reply must look like.

    `event_id` and `traceparent` are "" where there was none; `prefix` is the one of the attributes' headers.
    """

    event: Event
    fault: Rejected | None = None
    mode: Mode = Mode.PLAIN
    event_id: str = ""
    traceparent: str = ""
    prefix: str = ""


@dataclass(slots=True)
class Message:
    """One to publish through the default exchange. `moved`: why it goes to a queue of ours; None: it is a reply."""

    queue: str
    properties: Properties
    body: bytes
    moved: str | None = None


def read(delivery: Delivery) -> Envelope:
    """Take the envelope off. Nothing is invented for what is missing."""
    prefix = _prefix(delivery.headers)
    content_type = delivery.properties.content_type or ""
    structured = content_type.lower().startswith("application/cloudevents")
    if len(delivery.body) > MAX_BODY_BYTES:
        mode = Mode.STRUCTURED if structured else Mode.BINARY if prefix else Mode.PLAIN
        return _faulty(mode, prefix, NotAnEvent(f"expected a request of at most {MAX_BODY_BYTES} bytes"))
    if structured:
        return _structured(delivery.body, content_type)
    if prefix:
        return _binary(delivery, prefix, content_type)
    return Envelope(delivery.body, traceparent=cloudevent.traceparent(delivery.headers))


def reply(delivery: Delivery, envelope: Envelope, result: LookupResult, stamp: tuple[str, datetime]) -> Message:
    """The reply to a request. `stamp`: an id that no other message has, and the time, aware."""
    message_id, now = stamp
    headers: dict[str, object] | None = {"traceparent": envelope.traceparent} if envelope.traceparent else None
    content_type = cloudevent.JSON_TYPE
    if envelope.mode is Mode.PLAIN:
        body = result.to_json()
    else:
        attributes = cloudevent.reply_attributes(envelope.event_id, envelope.traceparent, message_id, now)
        if envelope.mode is Mode.STRUCTURED:
            content_type = cloudevent.STRUCTURED_TYPE
            body = cloudevent.structured_reply(attributes, result)
        else:
            del attributes["datacontenttype"]  # The content type says it.
            headers = {f"{envelope.prefix}{name}": value for name, value in attributes.items()}
            body = result.to_json()
    properties = Properties(
        content_type=content_type,
        correlation_id=_correlation_id(delivery, result),
        delivery_mode=PERSISTENT,
        headers=headers,  # type: ignore[arg-type]  # str is one of the field values, dict is invariant
        message_id=message_id,
        message_type=cloudevent.COMPLETED,
        timestamp=now,
    )
    return Message(delivery.reply_to, properties, body)


def _prefix(headers: Mapping[str, object]) -> str:
    """The prefix of the CloudEvents attributes; "" where the message is no event in binary mode."""
    for name in headers:
        if name.startswith(PREFIXES):
            return next(prefix for prefix in PREFIXES if name.startswith(prefix))
    return ""


def _structured(body: bytes, content_type: str) -> Envelope:
    if content_type.partition(";")[0].strip().lower() != cloudevent.STRUCTURED_TYPE:
        return _faulty(Mode.STRUCTURED, "", NotAnEvent(f"expected one CloudEvent as {cloudevent.STRUCTURED_TYPE}"))
    try:
        return _told(cloudevent.from_structured(body), Mode.STRUCTURED)
    except NotAnEvent as fault:
        return _faulty(Mode.STRUCTURED, "", fault)


def _binary(delivery: Delivery, prefix: str, content_type: str) -> Envelope:
    attributes = {
        name.removeprefix(prefix).lower(): value for name, value in delivery.headers.items() if name.startswith(prefix)
    }
    attributes.setdefault("traceparent", delivery.headers.get("traceparent"))
    try:
        event = cloudevent.from_binary(attributes, delivery.body, content_type or cloudevent.JSON_TYPE)
        return _told(event, Mode.BINARY, prefix)
    except NotAnEvent as fault:
        return _faulty(Mode.BINARY, prefix, fault)


def _told(event: RequestEvent, mode: Mode, prefix: str = "") -> Envelope:
    return Envelope(event.data, None, mode, event.id, event.traceparent, prefix)


def _faulty(mode: Mode, prefix: str, fault: NotAnEvent) -> Envelope:
    return Envelope(None, Rejected(None, (FieldError("", str(fault)),)), mode, fault.id, "", prefix)


def _correlation_id(delivery: Delivery, result: LookupResult) -> str | None:
    """The request's own one, else its requestId; None where AMQP has no room for that: it stands in the body too."""
    if delivery.properties.correlation_id:
        return delivery.properties.correlation_id
    fits = len(result.request_id.encode()) <= SHORT_STRING_BYTES
    return result.request_id if fits else None
