"""A message on its way to another of our queues: what it takes along, so that it arrives and nothing counts twice."""

import struct
from collections.abc import Mapping
from datetime import datetime

from pamqp import encode

from adapters.rabbitmq import carried
from adapters.rabbitmq.messages import DIRECT_REPLY, PERSISTENT, Delivery, Message, Properties
from adapters.rabbitmq.topology import Names

REPLY_TO = "inn-reply-to"
"""Where a reply was to go that went to `.unrouted`."""

MAX_HEADERS_BYTES = 64 * 1024
"""Of a client's headers. All properties, ours among them, go in one frame, of 128 KiB unless the broker says otherwise."""

_INT64 = range(-(2**63), 2**63)


def passed_on(delivery: Delivery, queue: str, reason: str, counts: Mapping[str, int]) -> Message:
    """The same request for another of our queues, or for the tail of its own. `counts`: headers of ours to take along."""
    return _moved(delivery, queue, reason, counts)


def parked(delivery: Delivery, queue: str, attempts: int, reason: str, now: datetime) -> Message:
    """The same message for `.dead`, with the reason's code. `attempts`: tries it had."""
    facts = {carried.ATTEMPTS: attempts, carried.REASON: reason, carried.PARKED_AT: now.isoformat(timespec="seconds")}
    return _moved(delivery, queue, reason, facts)


def replayed(delivery: Delivery, queue: str) -> Message:
    """The same message as if it came for the first time."""
    return _moved(delivery, queue, "replayed", {})


def unrouted(reply: Message, names: Names, reason: str) -> Message:
    """A reply that its queue did not take, for `.unrouted`."""
    headers = {**(reply.properties.headers or {}), REPLY_TO: reply.queue, carried.REASON: reason}
    return Message(names.unrouted, _copied(reply.properties, headers, reply_to=None), reply.body, reason)


def _moved(delivery: Delivery, queue: str, reason: str, facts: Mapping[str, object]) -> Message:
    headers = _bounded({name: portable(value) for name, value in carried.travelling(delivery.headers).items()})
    # The broker would take this name for a consumer on our own channel, and close the channel for want of it.
    reply_to = None if delivery.reply_to == DIRECT_REPLY else delivery.properties.reply_to
    properties = _copied(delivery.properties, {**headers, **facts}, reply_to=reply_to)
    return Message(queue, properties, delivery.body, reason)


def _bounded(headers: dict[str, object]) -> dict[str, object]:
    """All of them, or none where they are too large: the broker ends a connection for a frame that is."""
    if headers and len(encode.field_table(headers)) > MAX_HEADERS_BYTES:  # type: ignore[arg-type]  # as in _copied
        return {}
    return headers


def _copied(properties: Properties, headers: Mapping[str, object], *, reply_to: str | None) -> Properties:
    """Not taken along: `user_id`, which the broker compares with ours, and `expiration`, which the wait is over for."""
    return Properties(
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=dict(headers) or None,  # type: ignore[arg-type]  # portable() made them field values
        delivery_mode=PERSISTENT,
        priority=properties.priority,
        correlation_id=properties.correlation_id,
        reply_to=reply_to,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
        message_type=properties.message_type,
        app_id=properties.app_id,
    )


def portable(value: object) -> object:
    """A header's value as it can be sent on: the client library reads more kinds of values than it writes."""
    match value:
        case list():
            return [portable(item) for item in value]
        case dict():
            return {name: portable(item) for name, item in value.items()}
        case bytes():
            return bytearray(value)
        case _:
            return value if _can_be_written(value) else str(value)


def _can_be_written(value: object) -> bool:
    match value:
        case float():
            return _is_single(value)
        case int():
            return value in _INT64
        case _:
            return value is None or isinstance(value, str | bytearray | datetime)


def _is_single(value: float) -> bool:
    try:
        struct.pack(">f", value)
    except OverflowError:
        return False
    return True
