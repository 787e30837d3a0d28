"""uvicorn's protocol, for which nobody has to wait, and that nobody can fill, before a request is known to be one.

uvicorn bounds no head, in bytes or in time, and its one timer starts behind a first reply. Who asks is known from
the head alone: whatever comes before its end is anybody's.
"""

import asyncio
import json
from http import HTTPStatus

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES = 64 * 1024
"""As many as a body may have; other servers take 8 to 32 KiB."""
HEAD_SEC = 10.0
"""As long as a body may take."""

PIPELINED = 16
"""Requests that may wait behind one in work: each takes three kilobytes, for a head of 18 bytes."""


def _reply(status: HTTPStatus, detail: str) -> bytes:
    problem = json.dumps({"title": status.phrase, "status": status.value, "detail": detail})
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(problem)}\r\nconnection: close\r\n\r\n{problem}"
    ).encode()


NO_HTTP = _reply(HTTPStatus.BAD_REQUEST, "expected HTTP/1.1")
TOO_LARGE = _reply(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"expected a head of at most {HEAD_BYTES} bytes")
TOO_SLOW = _reply(HTTPStatus.REQUEST_TIMEOUT, "expected the whole head of a request sooner")


class _Refused(Exception):
    """Stops the parser, which has no other way to be stopped."""


class Bounded(HttpToolsProtocol):
    """Hangs up on a head that is too large or too slow."""

    # In slots: with more attributes than uvicorn's own Python would keep all of them in a slower way.
    __slots__ = ("_ending", "_patience", "_read", "_uncertain", "_unused", "_why")
    head_sec = HEAD_SEC
    # uvicorn types them as what they are from a first head on.
    scope: Scope | None  # type: ignore[assignment]
    cycle: RequestResponseCycle | None  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a first head."""
        super().connection_made(transport)
        # Bytes since those that the parser last made anything of: the rest of a head, then, or of trailers.
        self._unused = 0
        # Bytes of the read in which that was: some of them may belong to the next head, and are counted nowhere else.
        self._uncertain = 0
        self._read = 0
        self._patience: asyncio.TimerHandle | None = self.loop.call_later(self.head_sec, self._too_slow)
        self._why = NO_HTTP
        # Nothing more is read.
        self._ending = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Where no request is in work, the time runs in which one has to come."""
        if self._ending:
            return
        self._read = len(data)
        self._unused += self._read
        super().data_received(data)
        if self._unused > HEAD_BYTES:
            self._refuse(TOO_LARGE)
        elif self._patience is None and self._is_idle():
            self._patience = self.loop.call_later(self.head_sec, self._too_slow)

    def on_headers_complete(self) -> None:
        """Take a head that is not too large, nor behind too many."""
        if self._unused + self._uncertain > HEAD_BYTES and self._head_bytes() > HEAD_BYTES:
            self._why = TOO_LARGE
            raise _Refused
        if len(self.pipeline) >= PIPELINED:
            raise _Refused
        self._use()
        if self._patience is not None:
            self._wait_no_longer()
        super().on_headers_complete()
        # uvicorn would add trailers to what the application is given: behind the body, a token would count.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, of which the application says how large it may be."""
        self._use()
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser gave up, as problem details like all else."""
        self._refuse(self._why)

    def _use(self) -> None:
        """Note that the parser has made something of what was read."""
        self._unused, self._uncertain = 0, self._read

    def _too_slow(self) -> None:
        self._patience = None
        self._refuse(TOO_SLOW)

    def _refuse(self, reply: bytes) -> None:
        """Hang up and say why, where it would not be taken for the answer to another request."""
        if self.transport.is_closing():
            return
        if self._may_tell():
            self.transport.write(reply)
            self.transport.close()
        elif self.cycle is not None and not self.cycle.response_complete:
            # What was asked for before is answered, in its turn, and uvicorn hangs up behind the last answer.
            self._ending = True
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _may_tell(self) -> bool:
        if self._is_in_head():
            return self._is_idle()
        return self.cycle is not None and not self.pipeline and not self.cycle.response_started

    def _is_in_head(self) -> bool:
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None
