"""CloudEvents over HTTP: a request's bytes to events, and results to bytes, in binary, structured and batch mode."""

import re
from collections.abc import Iterable, Mapping, Sequence
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
    NotAnEvent,
    RequestEvent,
    TooMany,
    decoded,
    from_batch,
    from_binary,
    from_structured,
    is_json,
    reply_attributes,
    structured_reply,
    traceparent,
    within,
)
from function.request import LookupResult

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
    if media == STRUCTURED_TYPE or is_json(media):
        return MAX_EVENT_BYTES
    raise Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"expected content-type {JSON_TYPE} with ce- headers, {STRUCTURED_TYPE} or {BATCH_TYPE}",
    )


def read_one(media: str, headers: Headers, body: bytes) -> RequestEvent:
    """The event of a request in binary or structured mode. Raises Problem."""
    try:
        if media == STRUCTURED_TYPE:
            return within(from_structured(body), _trace(headers))
        return within(from_binary(_attributes(headers), body, media), _trace(headers))
    except NotAnEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None


def read_batch(headers: Headers, body: bytes) -> Sequence[RequestEvent | NotAnEvent]:
    """The events of a batch, each on its own. Raises Problem where the body is no batch at all."""
    trace = _trace(headers)
    try:
        return [event if isinstance(event, NotAnEvent) else within(event, trace) for event in from_batch(body)]
    except TooMany as fault:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(fault)) from None
    except NotAnEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None


def reply_to(media: str, event: RequestEvent, result: LookupResult, status: HTTPStatus) -> Response:
    """The reply event, in the mode of the request."""
    attributes = _reply_attributes(event)
    if media == STRUCTURED_TYPE:
        return _response(structured_reply(attributes, result), status, STRUCTURED_TYPE)
    # In binary mode the content type is that of the data.
    content_type = attributes.pop("datacontenttype")
    response = _response(result.to_json(), status, content_type)
    response.raw_headers += [(_header(name), _quoted(value)) for name, value in attributes.items()]
    return response


def reply_to_batch(replies: Iterable[tuple[RequestEvent, LookupResult]]) -> Response:
    """The reply events as one JSON array, in order."""
    events = (structured_reply(_reply_attributes(event), result) for event, result in replies)
    return _response(b"[" + b",".join(events) + b"]", HTTPStatus.OK, BATCH_TYPE)


def _reply_attributes(event: RequestEvent) -> dict[str, str]:
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


def _trace(headers: Headers) -> str:
    """That of the HTTP request itself, which gateways and tracing clients send beside the event; "" where there is none."""
    value = headers.get(b"traceparent")
    return "" if value is None else traceparent({"traceparent": value.decode("latin-1")})


def _attributes(headers: Headers) -> dict[str, str]:
    return {
        name[len(_PREFIX) :].decode("latin-1"): decoded(value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
