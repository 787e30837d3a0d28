"""Requests over HTTP as events, and results as replies: plain JSON, and CloudEvents in binary, structured and batch mode."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import quote
from uuid import uuid4

from starlette.responses import Response

from adapters.http.problems import Problem
from function.event import (
    BATCH_TYPE,
    JSON_TYPE,
    STRUCTURED_TYPE,
    Event,
    Mode,
    NotAnEvent,
    TooMany,
    decoded,
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

_PREFIX = b"ce-"
# Printable ASCII that a header takes as it is (CloudEvents' HTTP binding, 3.1.3.2).
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '%"')
_ALL_PLAIN = re.compile(r"[!#$&-~]*")


def headers_of(raw_headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """A request's headers by name; of one that comes twice the first."""
    return dict(reversed(raw_headers))


def media_type(headers: Headers) -> str:
    """The content type without its parameters, in lower case."""
    return headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def size_limit(media: str) -> int:
    """Bytes that a body of this type may have. Raises Problem for a type that is none of ours."""
    if media == BATCH_TYPE:
        return MAX_BATCH_BYTES
    if not media or media == STRUCTURED_TYPE or is_json(media):
        return MAX_EVENT_BYTES
    raise _unsupported()


def read_one(media: str, headers: Headers, body: bytes) -> Event:
    """The event of a request that is no batch. Raises Problem."""
    try:
        if media == STRUCTURED_TYPE:
            event = from_structured(body)
        elif attributes := _attributes(headers):
            event = from_binary(attributes, body, media)
        elif media:
            event = from_plain(body)
        else:
            raise _unsupported()
    except NotAnEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None
    return _in_trace(event, headers)


def read_batch(headers: Headers, body: bytes) -> Sequence[Event | NotAnEvent]:
    """The events of a batch, each on its own. Raises Problem where the body is no batch at all."""
    try:
        events = from_batch(body)
    except TooMany as fault:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(fault)) from None
    except NotAnEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None
    return [event if isinstance(event, NotAnEvent) else _in_trace(event, headers) for event in events]


def reply_to(event: Event, result: LookupResult, status: HTTPStatus) -> Response:
    """The reply, in the mode of the request."""
    if event.mode is Mode.PLAIN:
        return _response(result.to_json(), status, JSON_TYPE)
    if event.mode is Mode.STRUCTURED:
        return _response(structured(event, result), status, STRUCTURED_TYPE)
    attributes = _reply_attributes(event)
    # In binary mode the content type is that of the data.
    content_type = attributes.pop("datacontenttype")
    response = _response(result.to_json(), status, content_type)
    response.raw_headers += [(_header(name), _quoted(value)) for name, value in attributes.items()]
    return response


def structured(event: Event, result: LookupResult) -> bytes:
    """The reply event as one JSON object."""
    return structured_reply(_reply_attributes(event), result)


def batch_response(replies: Sequence[bytes]) -> Response:
    """Structured reply events as one JSON array, in order."""
    return _response(b"[" + b",".join(replies) + b"]", HTTPStatus.OK, BATCH_TYPE)


def _reply_attributes(event: Event) -> dict[str, str]:
    return reply_attributes(event.id, event.traceparent, str(uuid4()), datetime.now(UTC))


def _response(body: bytes, status: HTTPStatus, content_type: str) -> Response:
    return Response(body, status.value, {"content-type": content_type})


@cache
def _header(attribute: str) -> bytes:
    """The header of an attribute; few they are, and all ours."""
    return _PREFIX + attribute.encode()


def _quoted(value: str) -> bytes:
    # Most values are plain, and to quote one takes ten times as long as to see that.
    return (value if _ALL_PLAIN.fullmatch(value) else quote(value, safe=_PLAIN)).encode()


def _unsupported() -> Problem:
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"expected content-type {JSON_TYPE}, alone or with ce- headers, {STRUCTURED_TYPE} or {BATCH_TYPE}",
    )


def _in_trace(event: Event, headers: Headers) -> Event:
    """An event that names no trace of its own belongs to that of the HTTP request, as gateways and clients send it."""
    if not event.traceparent and (value := headers.get(b"traceparent")) is not None:
        event.traceparent = traceparent({"traceparent": value.decode("latin-1")})
    return event


def _attributes(headers: Headers) -> dict[str, str]:
    return {
        name[len(_PREFIX) :].decode("latin-1"): decoded(value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
