"""Replies of this service over HTTP: each outcome's status and body, and RFC 9457 problems."""

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import assert_never
from urllib.parse import quote
from uuid import uuid4

from starlette.types import Receive, Scope, Send

from function import event as cloudevent
from function.event import JSON_TYPE, REPLY_CONSTANTS, STRUCTURED_TYPE, Event, Mode
from function.outcomes import Answered, Deferred, InProgress, Outcome, Reason, Rejected
from function.result import LookupResult, result_of

PROBLEM_TYPE = "application/problem+json"
Header = tuple[bytes, bytes]
CLOSE: Header = (b"connection", b"close")
DEFAULT_RETRY_SEC = 5  # `Retry-After` where the outcome has none

CE_PREFIX = b"ce-"
# Printable ASCII that needs no encoding in a header (CloudEvents' HTTP binding, 3.1.3.2). The check takes a tenth of
# the time of encoding or decoding.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '%"')
ALL_PLAIN = re.compile(r"[!#$&-~]*")
_CONSTANT_HEADERS = [
    (CE_PREFIX + name.encode(), value.encode()) for name, value in REPLY_CONSTANTS.items() if name != "datacontenttype"
]


class Reply:
    """A response, an ASGI application as Starlette's are. `headers`: beside the content's type and length."""

    def __init__(self, body: bytes, media: str, status: int = HTTPStatus.OK, headers: Sequence[Header] = ()) -> None:
        self.body = body
        self.status = status
        self.headers = [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it; the server leaves the body out for HEAD."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class Problem(Exception):
    """The request is refused with an RFC 9457 problem, which repeats nothing that the client sent."""

    def __init__(self, status: HTTPStatus, detail: str, *headers: Header) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers

    def reply(self, **more: str) -> Reply:
        """The problem as a reply; `more` are members beside the standard ones."""
        body = {"title": self.status.phrase, "status": self.status.value, "detail": str(self), **more}
        return Reply(json.dumps(body, ensure_ascii=False).encode(), PROBLEM_TYPE, self.status, self.headers)


def check_method(scope: Scope, *methods: str) -> None:
    """Raise Problem for a request with another method."""
    if scope["method"] not in methods:
        allowed = (b"allow", ", ".join(methods).encode())
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {methods[0]}", allowed)


INTERNAL_ERROR = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service has a fault; it is logged")


def reply_of(event: Event, outcome: Outcome, seconds: float) -> Reply:
    """The reply to an event of any mode but a batch's. `seconds`: the duration of the lookup."""
    match outcome:
        case Answered():
            return encode(event, result_of(outcome, seconds))
        case Rejected(None, errors):
            # It is logged already as rejected.
            return Problem(HTTPStatus.BAD_REQUEST, "; ".join(map(str, errors))).reply()
        case Rejected():
            return encode(event, result_of(outcome, seconds), HTTPStatus.UNPROCESSABLE_ENTITY)
        case Deferred(_, Reason.INTERNAL_ERROR):
            return INTERNAL_ERROR.reply()
        case Deferred(request, reason, retry_after):
            wait = b"%d" % max(1, math.ceil(retry_after or DEFAULT_RETRY_SEC))
            problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason.text, (b"retry-after", wait))
            return problem.reply(code=reason.value, requestId=request.request_id)
        case InProgress(request):
            return reply_of(event, Deferred(request, Reason.IN_PROGRESS), seconds)
        case _:
            assert_never(outcome)


def encode(event: Event, result: LookupResult, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """The result, in the mode of the request."""
    if event.mode is Mode.PLAIN:
        return Reply(result.to_json(), JSON_TYPE, status)
    attributes = cloudevent.reply_attributes(event.id, event.traceparent, str(uuid4()), datetime.now(UTC))
    if event.mode is Mode.STRUCTURED:
        return Reply(cloudevent.structured_reply(attributes, result), STRUCTURED_TYPE, status)
    # In binary mode the content type is the data's.
    headers = _CONSTANT_HEADERS + [
        (CE_PREFIX + name.encode(), (value if ALL_PLAIN.fullmatch(value) else quote(value, safe=_PLAIN)).encode())
        for name, value in attributes.items()
        if name not in REPLY_CONSTANTS
    ]
    return Reply(result.to_json(), JSON_TYPE, status, headers)
