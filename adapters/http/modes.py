"""Decodes HTTP requests and encodes replies: plain JSON, and CloudEvents in binary, structured and batch mode.

Errors are RFC 9457 problems, which repeat nothing that the client sent.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote
from uuid import uuid4

from starlette.responses import Response

from function.event import (
    BATCH_TYPE,
    JSON_TYPE,
    REPLY_CONSTANTS,
    STRUCTURED_TYPE,
    Event,
    InvalidEvent,
    Mode,
    TooManyEvents,
    decode_attribute,
    from_batch,
    from_binary,
    from_plain,
    from_structured,
    is_json,
    reply_attributes,
    structured_reply,
    traceparent,
)
from function.result import LookupResult

Headers = Mapping[bytes, bytes]
"""By name, in lower case."""

MAX_EVENT_BYTES = 64 * 1024
MAX_BATCH_BYTES = 1024 * 1024
PROBLEM_TYPE = "application/problem+json"

_PREFIX = b"ce-"
# Printable ASCII that needs no encoding in a header (CloudEvents' HTTP binding, 3.1.3.2). The check takes a tenth of
# the time of encoding or decoding.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '%"')
_ALL_PLAIN = re.compile(r"[!#$&-~]*")
_CONSTANT_HEADERS = [
    (_PREFIX + name.encode(), value.encode()) for name, value in REPLY_CONSTANTS.items() if name != "datacontenttype"
]


class Problem(Exception):
    """The request is refused with this response."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self, **more: str) -> Response:
        """The problem as a response; `more` are members beside the standard ones."""
        body = {"title": self.status.phrase, "status": self.status.value, "detail": self.detail, **more}
        headers = {"content-type": PROBLEM_TYPE, **self.headers}
        return Response(json.dumps(body, ensure_ascii=False), self.status.value, headers)


def media_type(headers: Headers) -> str:
    """The content type without its parameters, in lower case."""
    return headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def size_limit(media: str) -> int:
    """The maximum bytes of a body of this type; `Endpoint` enforces it. Raises Problem for an unsupported type."""
    if media == BATCH_TYPE:
        return MAX_BATCH_BYTES
    if media in {JSON_TYPE, STRUCTURED_TYPE, ""} or is_json(media):
        return MAX_EVENT_BYTES
    raise _unsupported()


def read_one(media: str, headers: Headers, body: bytes) -> Event:
    """The event of a request in any mode but batch. Raises Problem."""
    try:
        if media == STRUCTURED_TYPE:
            event = from_structured(body)
        elif attributes := _attributes(headers):
            event = from_binary(attributes, body, media)
        elif media:
            event = from_plain(body)
        else:
            raise _unsupported()
    except InvalidEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None
    _put_in_trace([event], headers)
    return event


def read_batch(headers: Headers, body: bytes) -> Sequence[Event | InvalidEvent]:
    """The events of a batch, invalid ones included. Raises Problem where the body is not a batch."""
    try:
        events = from_batch(body)
    except InvalidEvent as fault:
        too_many = isinstance(fault, TooManyEvents)
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_many else HTTPStatus.BAD_REQUEST, str(fault)) from None
    _put_in_trace([event for event in events if isinstance(event, Event)], headers)
    return events


def reply_to(event: Event, result: LookupResult, status: HTTPStatus) -> Response:
    """The reply, in the mode of the request."""
    if event.mode is Mode.STRUCTURED:
        return Response(encode_structured(event, result), status.value, media_type=STRUCTURED_TYPE)
    # In binary mode the content type is the data's.
    response = Response(result.to_json(), status.value, media_type=JSON_TYPE)
    if event.mode is Mode.BINARY:
        response.raw_headers += _CONSTANT_HEADERS
        response.raw_headers += [
            (_PREFIX + name.encode(), (value if _ALL_PLAIN.fullmatch(value) else quote(value, safe=_PLAIN)).encode())
            for name, value in _reply_attributes(event).items()
            if name not in REPLY_CONSTANTS
        ]
    return response


def encode_structured(event: Event, result: LookupResult) -> bytes:
    """The reply event as one JSON object."""
    return structured_reply(_reply_attributes(event), result)


def _reply_attributes(event: Event) -> dict[str, str]:
    return reply_attributes(event.id, event.traceparent, str(uuid4()), datetime.now(UTC))


def _unsupported() -> Problem:
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"expected content-type {JSON_TYPE}, alone or with ce- headers, {STRUCTURED_TYPE} or {BATCH_TYPE}",
    )


def _put_in_trace(events: Sequence[Event], headers: Headers) -> None:
    """An event without a traceparent gets that of the HTTP request, which gateways and clients set."""
    if b"traceparent" in headers:
        inherited = traceparent({"traceparent": headers[b"traceparent"].decode("latin-1")})
        for event in events:
            event.traceparent = event.traceparent or inherited


def _attributes(headers: Headers) -> dict[str, str]:
    found = {}
    for name, value in headers.items():
        if name.startswith(_PREFIX):
            text = value.decode("latin-1")
            found[name[len(_PREFIX) :].decode("latin-1")] = (
                text if _ALL_PLAIN.fullmatch(text) else decode_attribute(value)
            )
    return found
