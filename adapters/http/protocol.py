"""uvicorn's HTTP protocol with bounds on what an unauthenticated client may send.

uvicorn bounds neither the size nor the time of a head, drops the body after an offered upgrade, and closes idle
connections at its end though a request may be on the way. It has no setting for any of these.
"""

import asyncio
import json
from http import HTTPStatus
from itertools import chain
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""As many as a body may have; other servers take 8 to 32 KiB."""
MAX_HEADERS = 100
MAX_FRAMING_BYTES = 64 * 1024
"""Sizes, extensions and line ends of a chunked body."""
PIECE_BYTES = 4096
"""Bytes that are parsed between two checks of the bounds."""
MAX_DISCARDED_BYTES = 2 * 1024 * 1024
"""Of a body still being sent after its answer. A client that reads only afterwards gets its 413 up to this size."""
MAX_PIPELINED = 16
"""Requests that may wait behind one being processed: each takes 3 kB of memory, for a head of 18 bytes."""
HEAD_SEC = 10.0
"""Time limit of a head."""
LINGER_SEC = 1.0
"""Time that an idle connection stays open at the end: a request may be on the way."""


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
    """Stops the parser, which has no other way to be stopped. `reply`: the response's bytes."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply


class BoundedProtocol(HttpToolsProtocol):
    """Answers requests within bounds, ignores offered upgrades, and drops no request at its end."""

    # Slots: more attributes than uvicorn's own would make all of them slower.
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
    # The last request and its scope, None before the first one; uvicorn's types lack the None.
    cycle: Any
    scope: Any

    def connection_made(self, transport: Any) -> None:
        """Initialise the counters and start the head's timer."""
        super().connection_made(transport)
        # Bytes since the parser's last event: part of a head or of trailers.
        self._unused = 0
        # Bytes of the read with that event: some may belong to the next head, and are counted nowhere else.
        self._uncertain = 0
        self._read = 0
        # Of the body being read: its bytes, those received for it, and those received after its answer.
        self._in_body = False
        self._body_bytes = self._sent = self._discarded = 0
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(self.head_sec, self._refuse, TOO_SLOW)
        # Nothing more is read.
        self._ending = False
        # The process ends: each answer is the last of its connection.
        self._draining = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def eof_received(self) -> Any:
        """Returns whether the connection stays open: a client that only stops sending still gets its answers."""
        if self._is_idle() and not self.pipeline:
            return False
        self._hang_up_after_answers()
        return True

    def data_received(self, data: bytes) -> None:
        """Parse data in pieces. The head's timer runs while no request is being processed."""
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
        """Refuse a head that is too large, pipelined behind too many, or ambiguous about where its request ends."""
        if self.parser.should_upgrade():
            # `_feed` parses it again, without the offer.
            return
        too_large = self._unused + self._uncertain > MAX_HEAD_BYTES
        too_large = too_large and sum(map(len, chain([self.url], *self.headers))) > MAX_HEAD_BYTES
        if too_large or len(self.headers) > MAX_HEADERS:
            raise _RefusedError(TOO_LARGE)
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _RefusedError(NOT_HTTP)
        is_old = self.parser.get_http_version() == "1.0"
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names:
            encodings = {value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"}
            if encodings != {b"chunked"}:
                raise _RefusedError(ONLY_CHUNKED)
        hosts = names.count(b"host")
        if hosts != 1 and (hosts or not is_old):
            raise _RefusedError(ONE_HOST)
        self._unused, self._uncertain = 0, self._read
        self._stop_head_timer()
        super().on_headers_complete()
        self._in_body = True
        self._body_bytes = self._sent = self._discarded = 0
        if self._draining:
            self.cycle.keep_alive = False
        if is_old:
            # HTTP/1.0 has no interim responses.
            self.cycle.waiting_for_100_continue = False
        # uvicorn would add trailers to the application's headers: a token after the body would count.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Count and pass on a piece of a body; the application limits its size."""
        self._unused, self._uncertain = 0, self._read
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, unless the parser mistakes an offered upgrade for its end."""
        if not self.parser.should_upgrade():
            self._in_body = False
            super().on_message_complete()

    def shutdown(self) -> None:
        """Answer requests in progress or on the way, then close their connections."""
        self._draining = True
        if self._is_idle():
            self.loop.call_later(self.linger_sec, self._close_if_idle)
        else:
            super().shutdown()

    def _feed(self, data: bytes) -> None:
        rest = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # The parser stops after the head. The offer is ignored: the head is parsed again without it.
            method, version = self.parser.get_method(), self.parser.get_http_version().encode()
            if method == b"CONNECT":
                raise httptools.HttpParserError from None
            headers = b"".join(b"%s: %s\r\n" % pair for pair in self.headers if pair[0] != b"upgrade")
            self.parser = httptools.HttpRequestParser(self)
            rest = b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version, headers) + data[offer.args[0] :]
        if rest is not None:
            # Not within the handler: the context of an error says why a head is refused.
            self._feed(rest)

    def _refuse(self, reply: bytes) -> None:
        """Close the connection, with `reply` unless it could be taken for the answer to another request."""
        self._stop_head_timer()
        current, is_idle = self.cycle, self._is_idle()
        may_reply = is_idle if self._is_in_head() else current and not self.pipeline and not current.response_started
        self._ending = True
        # The parser and this protocol refer to each other: without this, headers stay until a garbage collection.
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
        # Earlier requests are answered, and uvicorn closes the connection after the last answer.
        self._ending = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def _close_if_idle(self) -> None:
        if self._is_idle() and not self._is_in_head():
            self.transport.close()

    def _is_in_head(self) -> bool:
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer = None
