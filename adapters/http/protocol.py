"""uvicorn's HTTP protocol with bounds on what a client may send before anybody knows who it is.

uvicorn bounds neither the size nor the time of a head, drops the body behind an offered upgrade, and closes idle
connections at its end though a request may be on the way in one. It has no setting for any of these.
"""

import asyncio
import json
from http import HTTPStatus
from itertools import chain
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 64 * 1024
"""As many as a body may have; other servers take 8 to 32 KiB."""
MAX_HEADERS = 100
MAX_FRAMING_BYTES = 64 * 1024
"""Of a chunked body, beside the body itself: sizes, extensions, line ends."""
PIECE_BYTES = 4096
"""Parsed at once: the bounds are checked between two pieces, and so one read never makes more objects than they allow."""
MAX_DISCARDED_BYTES = 2 * 1024 * 1024
"""Of a body that is still sent after its answer: a client that reads only then gets its 413 for twice the largest batch."""
MAX_PIPELINED = 16
"""Requests that may wait behind one in work: each takes three kilobytes, for a head of 18 bytes."""
HEAD_SEC = 10.0
"""As long as a body may take."""
LINGER_SEC = 1.0
"""At the end an idle connection stays open so long: a request may be on the way in it."""


def _problem(status: HTTPStatus, detail: str) -> bytes:
    body = json.dumps({"title": status.phrase, "status": status.value, "detail": detail})
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"
    ).encode()


NOT_HTTP = _problem(HTTPStatus.BAD_REQUEST, "expected HTTP/1.1")
ONE_HOST = _problem(HTTPStatus.BAD_REQUEST, "expected one Host header")
ONLY_CHUNKED = _problem(HTTPStatus.BAD_REQUEST, "expected no transfer-encoding but chunked")
TOO_LARGE = _problem(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"expected a head of at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers",
)
TOO_MUCH_FRAMING = _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "expected fewer and larger chunks")
TOO_SLOW = _problem(HTTPStatus.REQUEST_TIMEOUT, "expected the whole head of a request sooner")


class _RefusedError(Exception):
    """Stops the parser, which has no other way to be stopped. `reply`: what the client gets."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply


class BoundedProtocol(HttpToolsProtocol):
    """Answers requests within bounds, ignores offered upgrades, and drops no request at its end."""

    # In slots: with more attributes than uvicorn's own Python would keep all of them in a slower way.
    __slots__ = (
        "_body_bytes",
        "_discarded",
        "_draining",
        "_ending",
        "_head_timer",
        "_in_body",
        "_read",
        "_sent",
        "_uncertain",
        "_unused",
    )
    head_sec = HEAD_SEC
    linger_sec = LINGER_SEC

    @property
    def _current(self) -> RequestResponseCycle | None:
        """The last request that was taken; uvicorn types it as what it is from a first one on."""
        return self.cycle

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a first head."""
        super().connection_made(transport)
        # Bytes since those that the parser last made anything of: the rest of a head, then, or of trailers.
        self._unused = 0
        # Bytes of the read in which that was: some of them may belong to the next head, and are counted nowhere else.
        self._uncertain = 0
        self._read = 0
        # While a body is read: its bytes, those that were sent for it, and those sent after its answer.
        self._in_body = False
        self._body_bytes = self._sent = self._discarded = 0
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(self.head_sec, self._refuse, TOO_SLOW)
        # Nothing more is read.
        self._ending = False
        # The process ends: each answer is the last of its connection.
        self._draining = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def eof_received(self) -> Any:
        """Whether the connection stays: a client that only stops sending still gets its answers."""
        if self._is_idle() and not self.pipeline:
            return False
        self._hang_up_after_answers()
        return True

    def data_received(self, data: bytes) -> None:
        """Parse. Where no request is in work, the time runs in which one has to come."""
        if self._ending:
            return
        self._unset_keepalive_if_required()
        for start in range(0, len(data), PIECE_BYTES):
            if not self._ending:
                self._receive(data[start : start + PIECE_BYTES])

    def _receive(self, data: bytes) -> None:
        self._read = len(data)
        self._unused += self._read
        self._sent += self._read
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.reply if isinstance(cause, _RefusedError) else NOT_HTTP)
            return
        if self._unused > MAX_HEAD_BYTES or len(self.headers or ()) > MAX_HEADERS:
            self._refuse(TOO_LARGE)
        elif self._in_body and self._sent - self._body_bytes > MAX_FRAMING_BYTES + self._read:
            self._refuse(TOO_MUCH_FRAMING)
        elif self._is_idle():
            self._discarded += self._read if self._in_body else 0
            if self._discarded > MAX_DISCARDED_BYTES:
                self.transport.close()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(self.head_sec, self._refuse, TOO_SLOW)

    def on_headers_complete(self) -> None:
        """Take a head that is not too large, nor behind too many, and that says plainly where its request ends."""
        too_large = self._unused + self._uncertain > MAX_HEAD_BYTES
        too_large = too_large and sum(map(len, chain([self.url], *self.headers))) > MAX_HEAD_BYTES
        if too_large or len(self.headers) > MAX_HEADERS:
            raise _RefusedError(TOO_LARGE)
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _RefusedError(NOT_HTTP)
        is_old = self.parser.get_http_version() == "1.0"
        hosts = 0
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                raise _RefusedError(ONLY_CHUNKED)
        if hosts != 1 and (hosts or not is_old):
            raise _RefusedError(ONE_HOST)
        self._unused, self._uncertain = 0, self._read
        self._stop_head_timer()
        super().on_headers_complete()
        self._in_body = True
        self._body_bytes = self._sent = self._discarded = 0
        self.cycle.keep_alive = self.cycle.keep_alive and not self._draining
        # HTTP/1.0 has no interim responses.
        self.cycle.waiting_for_100_continue = self.cycle.waiting_for_100_continue and not is_old
        # uvicorn would add trailers to what the application is given: behind the body, a token would count.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, of which the application says how large it may be."""
        self._unused, self._uncertain = 0, self._read
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, unless the parser only takes an offered upgrade for its end."""
        if self.parser.should_upgrade():
            return
        self._in_body = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """Answer what is in work, and what is on the way already, as the last of its connection."""
        self._draining = True
        if self._is_idle():
            self.loop.call_later(self.linger_sec, self._close_if_idle)
        else:
            super().shutdown()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # The parser stops behind the head. Its request is answered as if nothing had been offered.
            if self._current is None or self.parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError from None
            headers = self.cycle.scope["headers"]
            framing = [b"%s: %s\r\n" % pair for pair in headers if pair[0] in (b"content-length", b"transfer-encoding")]
            self.parser = httptools.HttpRequestParser(_RestOfRequest(self))
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % b"".join(framing))
            self._feed(data[offer.args[0] :])

    def _refuse(self, reply: bytes) -> None:
        """Hang up and say why, where it would not be taken for the answer to another request."""
        self._stop_head_timer()
        current, is_idle = self._current, self._is_idle()
        may_reply = is_idle if self._is_in_head() else current and not self.pipeline and not current.response_started
        self._ending = True
        # The parser and this protocol refer to each other: without this the headers stay until the garbage collector comes.
        self.headers = []
        if self.transport.is_closing():
            return
        if may_reply:
            self.transport.write(reply)
            self.transport.close()
        elif is_idle:
            self.transport.close()
        else:
            self._hang_up_after_answers()

    def _hang_up_after_answers(self) -> None:
        # What was asked for before is answered, in its turn, and uvicorn hangs up behind the last answer.
        self._ending = True
        if self._current is not None:
            self._current.keep_alive = False

    def _close_if_idle(self) -> None:
        if self._is_idle() and not self._is_in_head():
            self.transport.close()

    def _is_in_head(self) -> bool:
        scope: object = self.scope
        return scope is not None and (self._current is None or self._current.scope is not scope)

    def _is_idle(self) -> bool:
        current = self._current
        return current is None or current.response_complete

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer = None


class _RestOfRequest:
    """What a new parser reports to, which goes on behind a head that is known already: all but that head."""

    def __init__(self, protocol: BoundedProtocol) -> None:
        self._protocol = protocol
        self._head_is_known = True
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if not self._head_is_known:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._head_is_known:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_is_known:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._head_is_known:
            self._head_is_known = False
        else:
            self._protocol.on_headers_complete()
