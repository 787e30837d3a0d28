"""A delivery decoded as one request, and the reply encoded in the same mode.

A request is the contract's plain JSON, or a CloudEvent in binary mode (its attributes in headers) or in
structured mode (the whole event in the body). What is none of these is a `Rejected`, never an exception.
"""

from dataclasses import dataclass
from datetime import datetime

from adapters.rabbitmq.messages import PERSISTENT, SHORT_STRING_BYTES, Delivery, Headers, Message, Properties
from function import event as cloudevent
from function.event import Event, Mode, NotAnEvent
from function.outcomes import FieldError, Rejected
from function.result import LookupResult

MAX_BODY_BYTES = 64 * 1024
PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
"""Before the names of CloudEvents attributes among the headers; the two latter are those of AMQP 1.0's binding."""


@dataclass(slots=True, eq=False)
class Envelope:
    """The event of a delivery, and the form of its reply. `fault`: why it is no request.

    `prefix`: before the names of the attributes in its headers, "" where there are none.
    """

    event: Event
    prefix: str = ""
    fault: Rejected | None = None


def decode(delivery: Delivery) -> Envelope:
    """Read the envelope. Nothing is invented for what is missing."""
    headers = delivery.headers
    prefix = _prefix(headers)
    content_type = delivery.properties.content_type or ""
    structured = content_type.lower().startswith("application/cloudevents")
    mode = Mode.STRUCTURED if structured else Mode.BINARY if prefix else Mode.PLAIN
    try:
        event = _event(delivery, mode, prefix, content_type)
    except NotAnEvent as fault:
        return Envelope(Event(b"", fault.id, mode=mode), prefix, Rejected(None, (FieldError("", str(fault)),)))
    event.traceparent = event.traceparent or cloudevent.traceparent(headers)
    return Envelope(event, prefix)


def encode_reply(
    delivery: Delivery, envelope: Envelope, result: LookupResult, message_id: str, now: datetime
) -> Message:
    """The reply for the sender. `message_id`: no other message has it; `now`: aware."""
    event = envelope.event
    attributes = {"traceparent": event.traceparent} if event.traceparent else {}
    if event.mode is not Mode.PLAIN:
        attributes = cloudevent.reply_attributes(event.id, event.traceparent, message_id, now)
    structured = event.mode is Mode.STRUCTURED
    # The content type has a property of its own.
    headers = {f"{envelope.prefix}{name}": value for name, value in attributes.items() if name != "datacontenttype"}
    properties = Properties(
        content_type=cloudevent.STRUCTURED_TYPE if structured else cloudevent.JSON_TYPE,
        correlation_id=_correlation_id(delivery, result),
        delivery_mode=PERSISTENT,
        headers=None if structured else headers or None,  # type: ignore[arg-type]  # str is a field value
        message_id=message_id,
        message_type=cloudevent.COMPLETED,
        timestamp=now,
    )
    body = cloudevent.structured_reply(attributes, result) if structured else result.to_json()
    return Message(delivery.reply_to, properties, body)


def _event(delivery: Delivery, mode: Mode, prefix: str, content_type: str) -> Event:
    if len(delivery.body) > MAX_BODY_BYTES:
        raise NotAnEvent(f"expected a request of at most {MAX_BODY_BYTES} bytes")
    match mode:
        case Mode.PLAIN:
            return Event(delivery.body)
        case Mode.BINARY:
            named = (
                (name.removeprefix(prefix).lower(), value)
                for name, value in delivery.headers.items()
                if name.startswith(prefix)
            )
            return cloudevent.from_binary(dict(named), delivery.body, content_type or cloudevent.JSON_TYPE)
        case Mode.STRUCTURED:
            if content_type.partition(";")[0].strip().lower() != cloudevent.STRUCTURED_TYPE:
                raise NotAnEvent(f"expected one CloudEvent as {cloudevent.STRUCTURED_TYPE}")
            return cloudevent.from_structured(delivery.body)


def _prefix(headers: Headers) -> str:
    """The prefix of the CloudEvents attributes; "" where the message is no event in binary mode."""
    for name in headers:
        if name.startswith(PREFIXES):
            return next(prefix for prefix in PREFIXES if name.startswith(prefix))
    return ""


def _correlation_id(delivery: Delivery, result: LookupResult) -> str | None:
    """The request's own one, else its requestId; None where AMQP has no room for that: it stands in the body too."""
    if delivery.properties.correlation_id:
        return delivery.properties.correlation_id
    fits = len(result.request_id.encode()) <= SHORT_STRING_BYTES
    return result.request_id if fits else None
