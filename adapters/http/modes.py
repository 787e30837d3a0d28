"""CloudEvents over HTTP: a request's bytes to events, and results to bytes, in binary, structured and batch mode."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote, unquote
from uuid import uuid4

from starlette.responses import Response

from adapters.http.problems import Problem
from function.cloudevent import (
    BATCH_TYPE,
    JSON_TYPE,
    STRUCTURED_TYPE,
    NotAnEvent,
    RequestEvent,
    from_batch,
    from_binary,
    from_structured,
    reply_attributes,
    structured_reply,
)
from function.contract import LookupResult

MAX_EVENT_BYTES = 64 * 1024
MAX_BATCH_BYTES = 1024 * 1024

_PREFIX = b"ce-"
# Printable ASCII that a header takes as it is (CloudEvents' HTTP binding, 3.1.3.2).
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '%"')
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json")


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def size_limit(media: str) -> int:
    """Bytes that a body of this type may have. Raises Problem for a type that is none of ours."""
    if media == BATCH_TYPE:
        return MAX_BATCH_BYTES
    if media == STRUCTURED_TYPE or _JSON.fullmatch(media):
        return MAX_EVENT_BYTES
    raise Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"expected content-type {JSON_TYPE} with ce- headers, {STRUCTURED_TYPE} or {BATCH_TYPE}",
    )


def read_one(media: str, raw_headers: Iterable[tuple[bytes, bytes]], body: bytes) -> RequestEvent:
    """The event of a request in binary or structured mode. Raises Problem."""
    try:
        if media == STRUCTURED_TYPE:
            return from_structured(body)
        return from_binary(_attributes(raw_headers), body, media)
    except NotAnEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None


def read_batch(body: bytes) -> Sequence[RequestEvent | NotAnEvent]:
    """The events of a batch, each on its own. Raises Problem where the body is no batch at all."""
    try:
        return from_batch(body)
    except NotAnEvent as fault:
        raise Problem(HTTPStatus.BAD_REQUEST, str(fault)) from None


def reply_to(media: str, event: RequestEvent, result: LookupResult, status: HTTPStatus) -> Response:
    """The reply event, in the mode of the request."""
    attributes = _reply_attributes(event)
    if media == STRUCTURED_TYPE:
        return _response(structured_reply(attributes, result), status, {"content-type": STRUCTURED_TYPE})
    headers = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in attributes.items()}
    # In binary mode the content type is that of the data.
    headers["content-type"] = headers.pop("ce-datacontenttype")
    return _response(result.to_json(), status, headers)


def reply_to_batch(replies: Iterable[tuple[RequestEvent, LookupResult]]) -> Response:
    """The reply events as one JSON array, in order."""
    events = (structured_reply(_reply_attributes(event), result) for event, result in replies)
    return _response(b"[" + b",".join(events) + b"]", HTTPStatus.OK, {"content-type": BATCH_TYPE})


def _reply_attributes(event: RequestEvent) -> dict[str, str]:
    return reply_attributes(event.id, event.traceparent, str(uuid4()), datetime.now(UTC))


def _response(body: bytes, status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    return Response(body, status.value, headers)


def _attributes(raw_headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {
        name[len(_PREFIX) :].decode("latin-1"): unquote(value.decode("latin-1"))
        for name, value in raw_headers
        if name.startswith(_PREFIX)
    }
