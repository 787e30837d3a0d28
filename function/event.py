"""Decodes CloudEvents 1.0, and encodes the reply's envelope, for any transport.

Hosts pass attribute names without their prefix (`ce-` of HTTP and RabbitMQ). The text of `InvalidEvent`
says what was expected and echoes nothing.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum

from pydantic_core import to_json

from function.outcomes import Rejected
from function.ports import Clock
from function.request import Json, LookupRequest, decode_json, parse
from function.result import LookupResult

REQUESTED = "inn.lookup.requested"
COMPLETED = "inn.lookup.completed"
SOURCE = "/inn"
JSON_TYPE = "application/json"
STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
REPLY_CONSTANTS = {"specversion": "1.0", "source": SOURCE, "type": COMPLETED, "datacontenttype": JSON_TYPE}
"""The attributes that every reply has."""

# W3C's trace context: version ff, and a trace or parent id of zeros, are invalid.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# A media type's name is a token (RFC 9110, 5.6.2).
_JSON_DATA = re.compile(r"[\w!#$%&'*+.^`|~-]+/(?:[\w!#$%&'*+.^`|~-]+\+)?json", re.IGNORECASE | re.ASCII)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(.)")
# The day begins first in Kamchatka (UTC+12): a birth there today is not in the future.
_FIRST_DAY_OFFSET = timedelta(hours=12)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
MAX_ID_LENGTH = 256  # characters of an event's id, which the reply repeats as `correlationid`
_ID = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_ID_LENGTH}}}")
MAX_BATCH_EVENTS = 4096
"""More than the valid events that fit into 1 MiB. It bounds the replies to half a million items like `5`."""


class Mode(Enum):
    """The content mode of an event and its reply: no envelope, attributes beside the data, or one JSON object."""

    PLAIN = "plain"
    BINARY = "binary"
    STRUCTURED = "structured"


class InvalidEvent(ValueError):
    """Not a CloudEvent that requests a lookup. The text says what was expected; `id`: the event's, or ""."""

    def __init__(self, expected: str, event_id: str = "") -> None:
        super().__init__(expected)
        self.id = event_id


class TooManyEvents(InvalidEvent):
    """A batch of more than MAX_BATCH_EVENTS."""


class Event:
    """One request and its envelope.

    `data`: the request's JSON text in UTF-8, or decoded, or why there is none; `id`: the CloudEvent's, "" without an
    envelope; `traceparent`: W3C's, or "".
    """

    __slots__ = ("_request", "data", "id", "mode", "traceparent")

    def __init__(
        self, data: bytes | Json | Rejected, event_id: str = "", traceparent: str = "", mode: Mode = Mode.PLAIN
    ) -> None:
        self.data = data
        self.mode = mode
        self.id = event_id
        self.traceparent = traceparent
        self._request: LookupRequest | Rejected | None = None

    def __repr__(self) -> str:
        return "Event(...)"

    def request(self, clock: Clock) -> LookupRequest | Rejected:
        """The request, or all its errors. It is parsed once."""
        if self._request is None:
            data, day = self.data, (clock.now() + _FIRST_DAY_OFFSET).date()
            self._request = data if isinstance(data, Rejected) else parse(data, day)
        return self._request


def from_binary(attributes: Mapping[str, object], data: bytes, content_type: str) -> Event:
    """An event with its attributes beside its data (names in lower case, without prefix)."""
    # The official SDKs send no Content-Type.
    event_id = _check_attributes(attributes, content_type or JSON_TYPE)
    if not data:
        raise InvalidEvent("expected the request as a JSON object in the body, which is empty", event_id)
    return Event(data, event_id, traceparent(attributes), Mode.BINARY)


def from_plain(body: bytes) -> Event:
    """A request without an envelope; or a structured event under application/json, as some clients send it."""
    try:
        item = decode_json(body)
    except ValueError:
        # `parse` reports the error.
        return Event(body)
    return _from_object(item) if isinstance(item, dict) and "specversion" in item else Event(item)


def from_structured(body: bytes) -> Event:
    """An event as one JSON object."""
    return _from_object(_decode(body))


def from_batch(body: bytes) -> list[Event | InvalidEvent]:
    """The events of a JSON array, in order, invalid ones included. Raises InvalidEvent, or TooManyEvents."""
    batch = _decode(body)
    if not isinstance(batch, list):
        raise InvalidEvent("expected a JSON array of CloudEvents")
    if len(batch) > MAX_BATCH_EVENTS:
        raise TooManyEvents(f"expected at most {MAX_BATCH_EVENTS} events")
    events: list[Event | InvalidEvent] = []
    for item in batch:
        try:
            events.append(_from_object(item))
        except InvalidEvent as fault:
            events.append(fault)
    return events


def decode_attribute(value: bytes) -> str:
    """Decode an attribute from an HTTP header (CloudEvents' HTTP binding, 3.1.3.2). Raises InvalidEvent."""
    # Older versions quote values.
    if quoted := _QUOTED.fullmatch(value):
        value = _ESCAPED.sub(rb"\1", quoted[1])
    if b"%" in value:
        value = _PERCENT.sub(lambda code: bytes.fromhex(code[1].decode()), value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidEvent("expected attributes in ce- headers as percent-encoded UTF-8") from None


def is_json(content_type: str) -> bool:
    """Whether the subtype is `json`, or ends with `+json` (CloudEvents' JSON format, 3.1)."""
    return _JSON_DATA.fullmatch(content_type.partition(";")[0].strip()) is not None


def reply_attributes(event_id: str, traceparent: str, reply_id: str, time: datetime) -> dict[str, str]:
    """The attributes of the reply to an event; `event_id`: "" for none; `time`: aware."""
    attributes = {**REPLY_CONSTANTS, "id": reply_id, "time": time.isoformat()}
    if event_id:
        attributes["correlationid"] = event_id
    if traceparent:
        attributes["traceparent"] = traceparent
    return attributes


def structured_reply(attributes: Mapping[str, str], result: LookupResult) -> bytes:
    """The reply as one JSON object."""
    return b'%s,"data":%s}' % (to_json(attributes)[:-1], result.to_json())


def _from_object(item: object) -> Event:
    if not isinstance(item, dict):
        raise InvalidEvent("expected a CloudEvent as a JSON object")
    content_type = item.get("datacontenttype")
    event_id = _check_attributes(item, JSON_TYPE if content_type is None else content_type)
    if not item.keys() & {"data", "data_base64"}:
        raise InvalidEvent("expected the request in data", event_id)
    data: bytes | Json = item.get("data")
    if "data_base64" in item:
        encoded = item["data_base64"]
        try:
            data = b64decode(encoded if isinstance(encoded, str) else "?", validate=True)
        except ValueError:
            raise InvalidEvent("expected data_base64 to hold base64", event_id) from None
    return Event(data, event_id, traceparent(item), Mode.STRUCTURED)


def _check_attributes(attributes: Mapping[str, object], content_type: object) -> str:
    """Check the required attributes and the content type; returns the event's id."""
    event_id = attributes.get("id")
    known_id = event_id if isinstance(event_id, str) and _ID.fullmatch(event_id) else ""
    faults = []
    if attributes.get("specversion") != "1.0":
        faults.append("specversion 1.0")
    if not known_id:
        faults.append(f"id as a string of 1 to {MAX_ID_LENGTH} characters, none of them a control character")
    source = attributes.get("source")
    if not isinstance(source, str) or not source:
        faults.append("source as a string that is not empty")
    if attributes.get("type") != REQUESTED:
        faults.append(f"type {REQUESTED}")
    if faults:
        raise InvalidEvent(f"expected a CloudEvent with {', '.join(faults)}", known_id)
    if content_type != JSON_TYPE and not is_json(str(content_type)):
        raise InvalidEvent("expected data of content type application/json", known_id)
    return known_id


def traceparent(attributes: Mapping[str, object]) -> str:
    """W3C's `traceparent` of attributes or headers, "" where it is missing or invalid."""
    value = attributes.get("traceparent")
    return value if isinstance(value, str) and _TRACEPARENT.fullmatch(value) else ""


def _decode(body: bytes) -> object:
    try:
        return decode_json(body)
    except ValueError:
        raise InvalidEvent("expected a CloudEvent as JSON in UTF-8, but this is not JSON") from None
