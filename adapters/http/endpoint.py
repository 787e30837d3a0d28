"""The HTTP function, on any host: POST / is a lookup, other paths are probes; errors are RFC 9457 problems.

A request, and its reply, is plain JSON or CloudEvents in binary, structured or batch mode.
"""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter

from starlette.types import Receive, Scope, Send

from adapters.http.probes import Probes
from adapters.http.replies import (
    ALL_PLAIN,
    CE_PREFIX,
    CLOSE,
    INTERNAL_ERROR,
    Problem,
    Reply,
    check_method,
    encode,
    reply_of,
)
from adapters.runtime.lookup_runner import LookupRunner
from function import event as cloudevent
from function.event import BATCH_TYPE, JSON_TYPE, STRUCTURED_TYPE, Event, InvalidEvent, Mode
from function.outcomes import FieldError, Outcome, Reason, Rejected
from function.result import result_of, summary_of
from function.telemetry import LookupEvent, Observer

ENTRY = "http"
MAX_EVENT_BYTES = 64 * 1024
MAX_BATCH_BYTES = 1024 * 1024
BATCH_SLICE = 100  # events of a batch that are answered at the same time, before other requests have their turn

Headers = Mapping[bytes, bytes]  # by name, in lower case

_MEDIA_TYPES = {JSON_TYPE, STRUCTURED_TYPE, BATCH_TYPE}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`await endpoint(scope, receive)` answers any request and never raises; `endpoint.serve` is the ASGI application.

    `tokens`: valid bearer tokens, none: no authentication; `deadline_sec`: time limit of one lookup, waiting
    included; `body_sec`: time limit of a body.
    """

    lookups: LookupRunner
    probes: Probes
    tokens: Sequence[str] = field(repr=False)
    observer: Observer
    deadline_sec: float
    body_sec: float = 10.0  # more than a batch takes over a slow line

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The reply to one HTTP request."""
        begun = perf_counter()
        try:
            return await self._answer(scope, receive)
        except ConnectionResetError:
            # Nobody reads the reply.
            return Reply(b"", JSON_TYPE, HTTPStatus.BAD_REQUEST)
        except Problem as refused:
            status, problem = "refused", refused
        except InvalidEvent as fault:
            too_large = isinstance(fault, cloudevent.TooManyEvents)
            code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
            status, problem = "refused", Problem(code, str(fault))
        except Exception as exc:  # noqa: BLE001  # the host's own error page would repeat the request
            self.observer.error(ENTRY, exc)
            status, problem = Reason.INTERNAL_ERROR, INTERNAL_ERROR
        self.observer.lookup(LookupEvent(ENTRY, "", status, False, "", perf_counter() - begun))
        return problem.reply()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: the ASGI application."""
        reply = await self(scope, receive)
        await reply(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        if scope["path"] != "/":
            return await self.probes.answer(scope, "expected POST / with a lookup request")
        check_method(scope, "POST")
        headers = dict(reversed(scope["headers"]))  # the first of repeated ones counts
        if self.tokens:
            _check_token(headers, self.tokens)
        # Without its parameters.
        media = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        attributes = _attributes(headers)
        if media not in _MEDIA_TYPES and not (cloudevent.is_json(media) if media else attributes):
            expected = f"{JSON_TYPE}, alone or with ce- headers, {STRUCTURED_TYPE} or {BATCH_TYPE}"
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected content-type {expected}")
        body = await _body(receive, MAX_BATCH_BYTES if media == BATCH_TYPE else MAX_EVENT_BYTES, self.body_sec)
        if media == BATCH_TYPE:
            return await self._batch(cloudevent.from_batch(body), headers)
        if media == STRUCTURED_TYPE:
            event = cloudevent.from_structured(body)
        else:
            event = cloudevent.from_binary(attributes, body, media) if attributes else cloudevent.from_plain(body)
        return reply_of(event, *await self._look_up(event, headers))

    async def _batch(self, events: Sequence[Event | InvalidEvent], headers: Headers) -> Reply:
        if refused := sum(isinstance(event, InvalidEvent) for event in events):
            self.observer.event("events_refused", count=refused)
        replies: list[bytes] = []
        for start in range(0, len(events), BATCH_SLICE):
            part = events[start : start + BATCH_SLICE]
            replies += await asyncio.gather(*(self._answer_item(event, headers) for event in part))
        return Reply(b"[" + b",".join(replies) + b"]", BATCH_TYPE)

    async def _answer_item(self, event: Event | InvalidEvent, headers: Headers) -> bytes:
        if isinstance(event, InvalidEvent):
            refusal = Rejected(None, (FieldError("", str(event)),))
            return encode(Event(b"", event.id, mode=Mode.STRUCTURED), result_of(refusal, 0)).body
        return encode(event, result_of(*await self._look_up(event, headers))).body

    async def _look_up(self, event: Event, headers: Headers) -> tuple[Outcome, float]:
        """Returns the outcome and its duration in seconds."""
        begun = perf_counter()
        if not event.traceparent and b"traceparent" in headers:
            # Gateways and clients set that of the HTTP request.
            event.traceparent = cloudevent.traceparent({"traceparent": headers[b"traceparent"].decode("latin-1")})
        self.observer.in_flight(ENTRY, 1)
        try:
            with self.observer.span("serve lookup", event.traceparent) as traceparent:
                outcome = await self.lookups.answer(event, self.deadline_sec)
                seconds = perf_counter() - begun
                request_id, status, cached, provider, _ = summary_of(outcome)
                report = LookupEvent(ENTRY, request_id, status, cached, provider, seconds, traceparent=traceparent)
                self.observer.lookup(report)
        finally:
            self.observer.in_flight(ENTRY, -1)
        return outcome, seconds


def _check_token(headers: Headers, tokens: Sequence[str]) -> None:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    offered = given.strip()
    # Every token is compared, so that the time reveals no token.
    matches = [hmac.compare_digest(offered, token.encode()) for token in tokens]
    if scheme.lower() != b"bearer" or not any(matches):
        challenge = (b"www-authenticate", b"Bearer")
        raise Problem(HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer with a valid token", challenge)


async def _body(receive: Receive, limit: int, seconds: float) -> bytes:
    """Raises Problem for one that is too large or too slow, and ConnectionResetError."""
    body, more = b"", True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limit:
                    raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {limit} bytes")
    except TimeoutError:
        detail = f"expected the whole body within {seconds:g} s"
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, detail, CLOSE) from None
    return body


def _attributes(headers: Headers) -> dict[str, str]:
    found = {}
    for name, value in headers.items():
        if name.startswith(CE_PREFIX):
            text = value.decode("latin-1")
            decoded = text if ALL_PLAIN.fullmatch(text) else cloudevent.decode_attribute(value)
            found[name.removeprefix(CE_PREFIX).decode("latin-1")] = decoded
    return found
