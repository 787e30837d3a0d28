"""uvicorn's HTTP protocol, with bounds on heads and framing. The limit of a body is in `endpoint.py`.

uvicorn bounds neither the size nor the time of a head, drops the body after an offered upgrade, and closes idle
connections at its end though a request may be on the way. It has no setting for any of these.
"""

import asyncio
from http import HTTPStatus
from itertools import chain
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.http.replies import CLOSE, Problem

MAX_HEAD_BYTES = 64 * 1024
"""As many as a body may have; other servers take 8 to 32 KiB. So much may the framing of a chunked body have, too."""
MAX_HEADERS = 100
PIECE_BYTES = 4096  # bytes that are parsed between two checks of the bounds
MAX_DISCARDED_BYTES = 2 * 1024 * 1024
"""Of a body still being sent after its answer. A client that reads only afterwards gets its 413 up to this size."""
MAX_PIPELINED = 16  # requests that may wait behind another one: each takes 3 kB of memory, for a head of 18 bytes

NOT_HTTP = Problem(HTTPStatus.BAD_REQUEST, "expected HTTP/1.1", CLOSE)
ONE_HOST = Problem(HTTPStatus.BAD_REQUEST, "expected one Host header", CLOSE)
ONLY_CHUNKED = Problem(HTTPStatus.BAD_REQUEST, "expected no transfer-encoding but chunked", CLOSE)
HEAD_BOUNDS = f"expected a head of at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers"
TOO_LARGE = Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_BOUNDS, CLOSE)
TOO_MUCH_FRAMING = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "expected fewer and larger chunks", CLOSE)
TOO_SLOW = Problem(HTTPStatus.REQUEST_TIMEOUT, "expected the whole head of a request sooner", CLOSE)


class BoundedProtocol(HttpToolsProtocol):
    """Answers requests within bounds, ignores offered upgrades, and drops no request at its end."""

    # Slots: more attributes than uvicorn's own would make all of them slower.
    __slots__ = ("_discarded", "_draining", "_ending", "_head_timer", "_in_body", "_overhead")
    head_sec = 10.0  # time limit of a head
    linger_sec = 1.0  # time that an idle connection stays open at the end: a request may be on the way
    # The last request and its scope, None before the first one; uvicorn's types lack the None.
    cycle: Any
    scope: Any

    def connection_made(self, transport: Any) -> None:
        """Initialise the counters and start the head's timer."""
        super().connection_made(transport)
        # Bytes since the last head or body ended, less those of the body. Of the piece in which that was, some may be
        # missing: they are bounded by PIECE_BYTES. `_discarded`: bytes of the body after its answer.
        self._overhead = self._discarded = 0
        self._in_body = False
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(self.head_sec, self._refuse, TOO_SLOW)
        self._ending = False  # once true, nothing more is read
        self._draining = False  # once true, the process ends: each answer is the last of its connection

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
        self._unset_keepalive_if_required()
        for start in range(0, len(data), PIECE_BYTES):
            if not self._ending:
                self._receive(data[start : start + PIECE_BYTES])

    def _receive(self, data: bytes) -> None:
        self._overhead += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(NOT_HTTP)
        if self._ending:
            return
        if self._overhead > MAX_HEAD_BYTES or len(self.headers or ()) > MAX_HEADERS:
            self._refuse(TOO_MUCH_FRAMING if self._in_body else TOO_LARGE)
        elif self._discarded > MAX_DISCARDED_BYTES:
            self.transport.close()
        elif self._head_timer is None and self._is_idle():
            self._head_timer = self.loop.call_later(self.head_sec, self._refuse, TOO_SLOW)

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # The parser stops after the head. The offer is ignored: the head is parsed again without it.
            method, version = self.parser.get_method(), self.parser.get_http_version().encode()
            if method == b"CONNECT":
                raise httptools.HttpParserError from None
            headers = b"".join(b"%s: %s\r\n" % pair for pair in self.headers if pair[0] != b"upgrade")
            self.parser = httptools.HttpRequestParser(self)
            self._parse(b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version, headers) + data[offer.args[0] :])

    def on_headers_complete(self) -> None:
        """Refuse a head that is too large, pipelined behind too many, or ambiguous about where its request ends."""
        if self.parser.should_upgrade():
            return  # it is parsed again, without the offer
        names = [name for name, _ in self.headers]
        hosts, is_old = names.count(b"host"), self.parser.get_http_version() == "1.0"
        too_large = self._overhead + PIECE_BYTES > MAX_HEAD_BYTES
        too_large = too_large and sum(map(len, chain([self.url], *self.headers))) > MAX_HEAD_BYTES
        if too_large or len(names) > MAX_HEADERS:
            self._refuse(TOO_LARGE)
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(NOT_HTTP)
        elif b"transfer-encoding" in names and any(
            name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in self.headers
        ):
            self._refuse(ONLY_CHUNKED)
        elif hosts != 1 and (hosts or not is_old):
            self._refuse(ONE_HOST)
        if self._ending:
            return  # the parser can't be stopped: what it finds in the rest of the piece is ignored
        self._stop_head_timer()
        super().on_headers_complete()
        self._in_body, self._overhead, self._discarded = True, 0, 0
        if self._draining:
            self.cycle.keep_alive = False
        if is_old:
            self.cycle.waiting_for_100_continue = False  # HTTP/1.0 has no interim responses
        # uvicorn would add trailers to the application's headers: a token after the body would count.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Count and pass on a piece of a body; the application limits its size."""
        if not self._ending:
            self._overhead -= len(body)
            self._discarded += len(body) if self.cycle.response_complete else 0
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, unless the parser mistakes an offered upgrade for its end."""
        if not self._ending and not self.parser.should_upgrade():
            self._in_body, self._overhead = False, 0
            super().on_message_complete()

    def shutdown(self) -> None:
        """Answer requests in progress or on the way, then close their connections."""
        self._draining = True
        if self._is_idle():
            self.loop.call_later(self.linger_sec, self._close_if_idle)
        else:
            super().shutdown()

    def _refuse(self, problem: Problem) -> None:
        """Close the connection, with a reply unless that could be taken for the answer to another request."""
        self._stop_head_timer()
        current, is_idle = self.cycle, self._is_idle()
        may_reply = is_idle if self._is_in_head() else current and not self.pipeline and not current.response_started
        self._ending = True
        # The parser and this protocol refer to each other: without this, headers stay until a garbage collection.
        self.headers = []
        if self.transport.is_closing():
            return
        if may_reply:
            status, reply = problem.status, problem.reply()
            lines = b"".join(b"%s: %s\r\n" % header for header in reply.headers)
            self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, status.phrase.encode(), lines) + reply.body)
        if may_reply or is_idle:
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
