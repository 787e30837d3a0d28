"""The reply to a request, in the request's own mode."""

from datetime import datetime

from adapters.rabbitmq.envelopes import Envelope, Mode
from adapters.rabbitmq.messages import PERSISTENT, SHORT_STRING_BYTES, Delivery, Message, Properties
from function import event as cloudevent
from function.request import LookupResult


def reply(delivery: Delivery, envelope: Envelope, result: LookupResult, stamp: tuple[str, datetime]) -> Message:
    """Tell the sender. `stamp`: an id that no other message has, and the time, aware."""
    message_id, now = stamp
    attributes = {"traceparent": envelope.traceparent} if envelope.traceparent else {}
    if envelope.mode is not Mode.PLAIN:
        attributes = cloudevent.reply_attributes(envelope.event_id, envelope.traceparent, message_id, now)
    structured = envelope.mode is Mode.STRUCTURED
    properties = Properties(
        content_type=cloudevent.STRUCTURED_TYPE if structured else cloudevent.JSON_TYPE,
        correlation_id=_correlation_id(delivery, result),
        delivery_mode=PERSISTENT,
        headers=None if structured else _headers(attributes, envelope.prefix),  # type: ignore[arg-type]  # str is a field value
        message_id=message_id,
        message_type=cloudevent.COMPLETED,
        timestamp=now,
    )
    body = cloudevent.structured_reply(attributes, result) if structured else result.to_json()
    return Message(delivery.reply_to, properties, body)


def _headers(attributes: dict[str, str], prefix: str) -> dict[str, str] | None:
    """Attributes as headers; the content type has a property of its own."""
    return {f"{prefix}{name}": value for name, value in attributes.items() if name != "datacontenttype"} or None


def _correlation_id(delivery: Delivery, result: LookupResult) -> str | None:
    """The request's own one, else its requestId; None where AMQP has no room for that: it stands in the body too."""
    if delivery.properties.correlation_id:
        return delivery.properties.correlation_id
    fits = len(result.request_id.encode()) <= SHORT_STRING_BYTES
    return result.request_id if fits else None
