"""Decodes a delivery into an event, and encodes its reply.

A request is the contract's plain JSON, or a CloudEvent in binary mode (its attributes in headers) or in structured mode
(the whole event in the body); its reply is in the same mode.
"""

from datetime import datetime
from typing import Any

from typing_extensions import override

from adapters.rabbitmq.messages import PERSISTENT, SHORT_STRING_BYTES, Delivery, Headers, Message, Properties
from function import event as cloudevent
from function.event import Event, InvalidEvent, Mode
from function.outcomes import FieldError, Rejected
from function.ports import Clock
from function.result import LookupResult

MAX_BODY_BYTES = 64 * 1024
PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
"""Before the names of CloudEvents attributes among the headers; the two latter are those of AMQP 1.0's binding."""


class InvalidMessage(Event):
    """A message that is not a valid request, or whose reply queue is not allowed."""

    __slots__ = ("_fault",)

    def __init__(self, fault: Rejected, event: Event) -> None:
        super().__init__(b"", event.id, event.traceparent, event.mode)
        self._fault = fault

    @override
    def request(self, clock: Clock) -> Rejected:
        return self._fault


def decode(delivery: Delivery) -> Event:
    """The event in a delivery; an InvalidMessage, never an exception, where there is none. No id is invented."""
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
        event = InvalidMessage(Rejected(None, (FieldError("", str(fault)),)), Event(b"", fault.id, mode=mode))
    if headers and not event.traceparent:
        event.traceparent = cloudevent.traceparent(headers)
    return event


def encode_reply(delivery: Delivery, event: Event, result: LookupResult, message_id: str, now: datetime) -> Message:
    """The reply for the sender. `message_id`: unique; `now`: aware."""
    content_type = cloudevent.JSON_TYPE
    headers: dict[str, Any] = {"traceparent": event.traceparent} if event.traceparent else {}
    if event.mode is Mode.PLAIN:
        body = result.to_json()
    else:
        headers = cloudevent.reply_attributes(event.id, event.traceparent, message_id, now)
        if event.mode is Mode.STRUCTURED:
            content_type, body, headers = cloudevent.STRUCTURED_TYPE, cloudevent.structured_reply(headers, result), {}
        else:
            # AMQP has a property for the content type.
            del headers["datacontenttype"]
            body, prefix = result.to_json(), _prefix(delivery.headers)
            headers = {f"{prefix}{name}": value for name, value in headers.items()}
    correlation_id = delivery.properties.correlation_id or result.request_id
    properties = Properties(
        headers=headers or None,
        delivery_mode=PERSISTENT,
        content_type=content_type,
        # A requestId may be too long for AMQP; it is in the body too.
        correlation_id=correlation_id if len(correlation_id.encode()) <= SHORT_STRING_BYTES else None,
        message_id=message_id,
        message_type=cloudevent.COMPLETED,
        timestamp=now,
    )
    return Message(delivery.reply_to, properties, body)


def _prefix(headers: Headers) -> str:
    """The prefix of the CloudEvents attributes; "" where the message is not an event in binary mode."""
    return next((prefix for name in headers for prefix in PREFIXES if name.startswith(prefix)), "")
