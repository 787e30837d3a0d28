"""Deliveries and messages: a delivery as an event, its reply, and its copy for another queue of this service.

A request is the contract's plain JSON, or a CloudEvent in binary mode (its attributes in headers) or in structured mode
(the whole event in the body); its reply is in the same mode.

The broker counts returns from `.retry` in `x-death`; RabbitMQ 4 does not continue the count of an `x-death` that a
client published. So a copy has no `x-death`, and a header of our own: attempts = header + returns counted since.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pamqp import encode
from pamqp.commands import Basic

from adapters.rabbitmq.topology import QueueNames
from function import event as cloudevent
from function.event import Event, InvalidEvent, Mode
from function.outcomes import FieldError, Rejected
from function.result import LookupResult

Properties = Basic.Properties
Headers = Mapping[str, Any]

PERSISTENT = 2
SHORT_STRING_BYTES = 255  # AMQP's limit for the name of a queue and for a correlation id
DIRECT_REPLY = "amq.rabbitmq.reply-to"  # direct reply-to's pseudo-queue; a client's own one ends in a dot and a token
SUSPECT_RETURNS = 2  # returns from dead consumers after which a message is processed alone

ATTEMPTS = "inn-attempts"
THROTTLED = "inn-throttled"
REASON = "inn-reason"
PARKED_AT = "inn-parked-at"
REPLY_TO = "inn-reply-to"  # the original queue of a reply that went to `.unrouted`
MAX_COUNT = 1_000_000  # larger numbers in a client's headers are ignored
MAX_BODY_BYTES = 64 * 1024
PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
"""Before the names of CloudEvents attributes among the headers; the two latter are those of AMQP 1.0's binding."""
MAX_HEADERS_BYTES = 64 * 1024  # Of a client's headers. All properties go in one frame, of 128 KiB by default.

# Headers that the broker would count twice, and CC and BCC, for which it would send copies to other queues.
_NOT_COPIED = frozenset((ATTEMPTS, THROTTLED, REASON, PARKED_AT, "CC", "BCC", "x-delivery-count", "x-acquired-count"))
_NOT_COPIED_PREFIXES = ("x-death", "x-first-death-", "x-last-death-")


class Delivery:
    """A message as the broker delivered it. `arrived`: seconds on the monotonic clock.

    `reply_to`: the queue of its sender; "" if it wants no reply.
    """

    __slots__ = ("arrived", "body", "headers", "properties", "reply_to", "tag")

    def __init__(self, tag: int, properties: Properties, body: bytes, arrived: float) -> None:
        self.tag = tag
        self.properties = properties
        self.headers: Headers = properties.headers or {}
        self.reply_to = properties.reply_to or ""
        self.body = body
        self.arrived = arrived

    @property
    def returns(self) -> int:
        """How often it was returned because its consumer died."""
        return read_count(self.headers, "x-delivery-count")

    @property
    def is_forged(self) -> bool:
        """Whether its direct reply-to looks forged. The reply goes to `.unrouted`: it would close another connection.

        Before RabbitMQ 4.2 a direct reply-to that the broker did not issue closes the connection each time, and its
        form does not show that; 3.10 logs the whole reply. The request that did it is returned when it was alone.
        """
        return self.reply_to.startswith(f"{DIRECT_REPLY}.") and self.returns > SUSPECT_RETURNS

    def attempts(self, retry_queue: str) -> int:
        """The number of earlier attempts."""
        attempts = read_count(self.headers, ATTEMPTS)
        for death in self._deaths():
            if death.get("queue") == retry_queue and death.get("reason") == "expired":
                attempts += read_count(death, "count")
        return attempts

    def death(self) -> tuple[str, str]:
        """Why the broker dead-lettered it (delivery_limit, expired, rejected), and the ISO time; "" if it did not."""
        reasons = (reason for death in self._deaths() if isinstance(reason := death.get("reason"), str))
        times = (time for death in self._deaths() if isinstance(time := death.get("time"), datetime))
        return next(reasons, ""), next((time.isoformat(timespec="seconds") for time in times), "")

    def _deaths(self) -> Iterable[Headers]:
        deaths = self.headers.get("x-death")
        return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []


@dataclass(slots=True)
class Message:
    """A message for the default exchange. `moved`: the reason of a move to a queue of this service; "": a reply."""

    queue: str
    properties: Properties
    body: bytes
    moved: str = ""


def decode(delivery: Delivery) -> Event:
    """The event in a delivery; a rejected one, never an exception, where there is none. No id is invented."""
    headers, content_type = delivery.headers, delivery.properties.content_type or ""
    mode = Mode.BINARY if headers and _prefix(headers) else Mode.PLAIN
    if content_type.lower().startswith("application/cloudevents"):
        mode = Mode.STRUCTURED
    try:
        event = _read(delivery.body, headers, content_type, mode)
    except InvalidEvent as fault:
        event = Event(Rejected(None, (FieldError("", str(fault)),)), fault.id, mode=mode)
    if headers and not event.traceparent:
        event.traceparent = cloudevent.traceparent(headers)
    return event


def _read(body: bytes, headers: Headers, content_type: str, mode: Mode) -> Event:
    """The event of this mode. Raises InvalidEvent."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidEvent(f"expected a request of at most {MAX_BODY_BYTES} bytes")
    if mode is Mode.PLAIN:
        return Event(body)
    if mode is Mode.BINARY:
        prefix = _prefix(headers)
        named = {name.removeprefix(prefix).lower(): headers[name] for name in headers if name.startswith(prefix)}
        return cloudevent.from_binary(named, body, content_type)
    if content_type.partition(";")[0].strip().lower() != cloudevent.STRUCTURED_TYPE:
        raise InvalidEvent(f"expected one CloudEvent as {cloudevent.STRUCTURED_TYPE}")
    return cloudevent.from_structured(body)


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
            del headers["datacontenttype"]  # AMQP has a property for it
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


def build_copy(
    queue: str, delivery: Delivery, reason: str, facts: Mapping[str, object], *, keep_headers: bool = False
) -> Message:
    """A copy for another queue of this service, or for the tail of its own. `facts`: headers to add, but for "" and 0.

    A client's headers that are too large are left out, unless `keep_headers`.
    """
    headers = {
        name: portable(value)
        for name, value in delivery.headers.items()
        if name not in _NOT_COPIED and not name.startswith(_NOT_COPIED_PREFIXES)
    }
    if headers and not keep_headers and len(encode.field_table(headers)) > MAX_HEADERS_BYTES:
        headers = {}  # the broker closes a connection for a frame that is too large
    # The broker would look for a direct-reply consumer on our own channel, and close the channel.
    reply_to = None if delivery.reply_to == DIRECT_REPLY else delivery.properties.reply_to
    headers |= {name: fact for name, fact in facts.items() if fact}
    return Message(queue, _copy_properties(delivery.properties, headers, reply_to), delivery.body, reason)


def unrouted(reply: Message, names: QueueNames, reason: str) -> Message:
    """A reply for `.unrouted`, which its own queue did not take."""
    headers = {**(reply.properties.headers or {}), REPLY_TO: reply.queue, REASON: reason}
    return Message(names.unrouted, _copy_properties(reply.properties, headers), reply.body, reason)


def portable(value: object) -> Any:
    """A header's value in a type that can be encoded: the library decodes more types than it encodes."""
    match value:
        case list():
            return [portable(item) for item in value]
        case dict():
            return {name: portable(item) for name, item in value.items()}
        case bytes():
            return bytearray(value)
    try:
        encode.encode_table_value(value)  # type: ignore[arg-type]  # that it may not be writable is the point
    except (TypeError, OverflowError):
        return str(value)
    return value


def _copy_properties(properties: Properties, headers: dict[str, Any], reply_to: str | None = None) -> Properties:
    copied = copy(properties)
    copied.headers, copied.delivery_mode, copied.reply_to = headers or None, PERSISTENT, reply_to
    # The broker compares `user_id` with ours; the time of `expiration` has passed; and RabbitMQ 4.3 orders quorum
    # queues strictly by `priority`: a moved request would never be delivered.
    copied.user_id = copied.expiration = copied.priority = None
    copied.cluster_id = ""
    return copied


def read_count(headers: Headers, name: str) -> int:
    """A number among the headers; 0 where it is missing, or absurd."""
    value = headers.get(name)
    return value if isinstance(value, int) and 0 < value < MAX_COUNT else 0


def _prefix(headers: Headers) -> str:
    """The prefix of the CloudEvents attributes; "" where the message is not an event in binary mode."""
    return next((prefix for name in headers for prefix in PREFIXES if name.startswith(prefix)), "")
