"""The HTTP function, on any host: POST / is a lookup, other paths are probes; errors are RFC 9457 problems.

It enforces the size limits of modes.py.
"""

import asyncio
import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter
from typing import assert_never

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.http import modes
from adapters.http.modes import Problem
from adapters.http.probes import Probe
from adapters.runtime.lookup_runner import LookupRunner, TimeLimitExceeded, within
from function.event import BATCH_TYPE, Event, InvalidEvent
from function.outcomes import Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected
from function.result import result_of, summary_of
from function.telemetry import LookupEvent, Observer

ENTRY = "http"
BODY_SEC = 10.0
"""Time limit of a body: more than a batch takes over a slow line."""
BATCH_SLICE = 100
"""Events of a batch that are answered at the same time, before other requests have their turn."""
INTERNAL_ERROR = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service has a fault; it is logged")
DEFAULT_RETRY_SEC = 5
"""`Retry-After` where the outcome has none."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`await endpoint(request)` answers any request and never raises; `endpoint.serve` is the ASGI application.

    `probes`: by path, for GET and HEAD; `tokens`: valid bearer tokens, none: no authentication;
    `deadline_sec`: time limit of one lookup, waiting included; `body_sec`: time limit of a body.
    """

    lookups: LookupRunner
    probes: Mapping[str, Probe]
    tokens: Sequence[str] = field(repr=False)
    observer: Observer
    deadline_sec: float
    body_sec: float = BODY_SEC

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request."""
        begun = perf_counter()
        try:
            return await self._answer(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST.value)
        except Problem as refused:
            status, problem = "refused", refused
        except Exception as exc:  # noqa: BLE001  # the host's own error page would repeat the request
            self.observer.error(ENTRY, exc)
            status, problem = Reason.INTERNAL_ERROR, INTERNAL_ERROR
        self.observer.lookup(LookupEvent(ENTRY, "", status, False, "", perf_counter() - begun))
        return problem.response()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: the ASGI application."""
        response = await self(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"]
        if path in self.probes:
            _check_method(request, "GET", "HEAD")
            reply = await self.probes[path]()
            return Response(reply.body, reply.status, {"content-type": reply.media})
        if path != "/":
            raise Problem(HTTPStatus.NOT_FOUND, "expected POST / with a lookup request")
        _check_method(request, "POST")
        # The first of repeated headers counts.
        headers = dict(reversed(request.scope["headers"]))
        if self.tokens:
            _check_token(headers, self.tokens)
        media = modes.media_type(headers)
        try:
            body = await within(self.body_sec, _body(request, headers, modes.size_limit(media)))
        except TimeLimitExceeded:
            detail = f"expected the whole body within {self.body_sec:g} s"
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, detail, {"connection": "close"}) from None
        if media == BATCH_TYPE:
            return await self._batch(modes.read_batch(headers, body))
        event = modes.read_one(media, headers, body)
        return _response(event, *await self._look_up(event))

    async def _batch(self, events: Sequence[Event | InvalidEvent]) -> Response:
        refused = sum(isinstance(event, InvalidEvent) for event in events)
        if refused:
            self.observer.event("events_refused", count=refused)
        replies: list[bytes] = []
        for start in range(0, len(events), BATCH_SLICE):
            replies += await asyncio.gather(*map(self._reply, events[start : start + BATCH_SLICE]))
            # Other requests, and the probes, have their turn.
            await asyncio.sleep(0)
        return Response(b"[" + b",".join(replies) + b"]", media_type=BATCH_TYPE)

    async def _reply(self, event: Event | InvalidEvent) -> bytes:
        if isinstance(event, InvalidEvent):
            refusal = Rejected(None, (FieldError("", str(event)),))
            return modes.encode_structured(Event(b"", event.id), result_of(refusal, 0))
        return modes.encode_structured(event, result_of(*await self._look_up(event)))

    async def _look_up(self, event: Event) -> tuple[Outcome, float]:
        """Returns the outcome and its duration in seconds."""
        begun = perf_counter()
        self.observer.in_flight(ENTRY, 1)
        try:
            with self.observer.span("serve lookup", event.traceparent) as traceparent:
                outcome = await self.lookups.answer(event, self.deadline_sec)
                seconds = perf_counter() - begun
                request_id, status, cached, provider, _ = summary_of(outcome)
                self.observer.lookup(
                    LookupEvent(ENTRY, request_id, status, cached, provider, seconds, traceparent=traceparent)
                )
        finally:
            self.observer.in_flight(ENTRY, -1)
        return outcome, seconds


def _response(event: Event, outcome: Outcome, seconds: float) -> Response:
    match outcome:
        case Answered():
            return modes.reply_to(event, result_of(outcome, seconds), HTTPStatus.OK)
        case Rejected(None, errors):
            # It is logged already as rejected.
            return Problem(HTTPStatus.BAD_REQUEST, "; ".join(map(str, errors))).response()
        case Rejected():
            return modes.reply_to(event, result_of(outcome, seconds), HTTPStatus.UNPROCESSABLE_ENTITY)
        case Deferred(_, Reason.INTERNAL_ERROR):
            return INTERNAL_ERROR.response()
        case Deferred(request, reason, retry_after):
            wait = {"retry-after": str(max(1, math.ceil(retry_after or DEFAULT_RETRY_SEC)))}
            problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason.text, wait)
            return problem.response(code=reason.value, requestId=request.request_id)
        case InProgress(request):
            return _response(event, Deferred(request, Reason.IN_PROGRESS), seconds)
        case _:
            assert_never(outcome)


def _check_method(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {methods[0]}", {"allow": ", ".join(methods)})


def _check_token(headers: modes.Headers, tokens: Sequence[str]) -> None:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    offered = given.strip()
    # Every token is compared, so that the time reveals no token.
    matches = [hmac.compare_digest(offered, token.encode()) for token in tokens]
    if scheme.lower() != b"bearer" or not any(matches):
        raise Problem(
            HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer with a valid token", {"www-authenticate": "Bearer"}
        )


async def _body(request: Request, headers: modes.Headers, limit: int) -> bytes:
    body = b""
    # Leading zeros are valid, and Python parses at most 4,300 digits.
    declared = headers.get(b"content-length", b"").lstrip(b"0")
    size = int(declared) if declared.isdigit() else 0
    more = True
    while more and size <= limit:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        size = max(size, len(body))
        more = message.get("more_body", False)
    if size > limit:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {limit} bytes")
    return body
