"""A delivery read as one request.

A request is the contract's plain JSON, or a CloudEvent in binary mode (its attributes in headers) or in
structured mode (the whole event in the body). What is none of these is a `Rejected`, never an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from adapters.rabbitmq.messages import Delivery
from function import event as cloudevent
from function.event import NotAnEvent, RequestEvent
from function.outcomes import FieldError, Rejected
from function.request import Event

MAX_BODY_BYTES = 64 * 1024
PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
"""How CloudEvents attributes are told from other headers; the two latter are those of AMQP 1.0's binding."""


class Mode(Enum):
    """How a request came, and its reply goes."""

    PLAIN = "plain"
    BINARY = "binary"
    STRUCTURED = "structured"


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


def read(delivery: Delivery) -> Envelope:
    """Take the envelope off. Nothing is invented for what is missing."""
    prefix = _prefix(delivery.headers)
    content_type = delivery.properties.content_type or ""
    structured = content_type.lower().startswith("application/cloudevents")
    if len(delivery.body) > MAX_BODY_BYTES:
        mode = Mode.STRUCTURED if structured else Mode.BINARY if prefix else Mode.PLAIN
        return _faulty(mode, prefix, NotAnEvent(f"expected a request of at most {MAX_BODY_BYTES} bytes"))
    if structured:
        return _structured(delivery, content_type)
    if prefix:
        return _binary(delivery, prefix, content_type)
    return Envelope(delivery.body, traceparent=cloudevent.traceparent(delivery.headers))


def _prefix(headers: Mapping[str, object]) -> str:
    """The prefix of the CloudEvents attributes; "" where the message is no event in binary mode."""
    for name in headers:
        if name.startswith(PREFIXES):
            return next(prefix for prefix in PREFIXES if name.startswith(prefix))
    return ""


def _structured(delivery: Delivery, content_type: str) -> Envelope:
    if content_type.partition(";")[0].strip().lower() != cloudevent.STRUCTURED_TYPE:
        return _faulty(Mode.STRUCTURED, "", NotAnEvent(f"expected one CloudEvent as {cloudevent.STRUCTURED_TYPE}"))
    try:
        return _told(delivery, cloudevent.from_structured(delivery.body), Mode.STRUCTURED)
    except NotAnEvent as fault:
        return _faulty(Mode.STRUCTURED, "", fault)


def _binary(delivery: Delivery, prefix: str, content_type: str) -> Envelope:
    attributes = {
        name.removeprefix(prefix).lower(): value for name, value in delivery.headers.items() if name.startswith(prefix)
    }
    try:
        event = cloudevent.from_binary(attributes, delivery.body, content_type or cloudevent.JSON_TYPE)
        return _told(delivery, event, Mode.BINARY, prefix)
    except NotAnEvent as fault:
        return _faulty(Mode.BINARY, prefix, fault)


def _told(delivery: Delivery, event: RequestEvent, mode: Mode, prefix: str = "") -> Envelope:
    traced = cloudevent.within(event, cloudevent.traceparent(delivery.headers))
    return Envelope(traced.data, None, mode, traced.id, traced.traceparent, prefix)


def _faulty(mode: Mode, prefix: str, fault: NotAnEvent) -> Envelope:
    return Envelope(None, Rejected(None, (FieldError("", str(fault)),)), mode, fault.id, "", prefix)
