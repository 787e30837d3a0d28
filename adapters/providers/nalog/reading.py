"""A reply as http.client reads it from a connection: in time, past what comes before it, and not beyond its end."""

import io
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from typing import Any, NamedTuple

MAX_INTERIM = 32
"""Replies before the reply (1xx): far more than any site sends."""


class _Raw(io.RawIOBase):
    """A socket's bytes until `seconds` from now; TimeoutError afterwards."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        super().__init__()
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._until = time.monotonic() + seconds
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return 0
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Reader(io.BufferedReader):
    """Closed by http.client at a reply's end; tells of bytes that came with the reply and lie beyond it."""

    def __init__(self, raw: _Raw, stray: Callable[[], None]) -> None:
        super().__init__(raw)
        self._raw = raw
        self._stray = stray

    def close(self) -> None:
        if not self.closed:
            # Now it looks into its own buffer only.
            self._raw.ended = True
            if self.peek(1):
                self._stray()
        super().close()


class Terms(NamedTuple):
    """How a reply is read: within so many `seconds`; `stray` is called where there are bytes beyond it."""

    seconds: float
    stray: Callable[[], None]


class _Source(NamedTuple):
    """What http.client reads a reply from."""

    sock: socket.socket
    terms: Terms

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _Reader(_Raw(self.sock, self.terms.seconds), self.terms.stray)


class Response(HTTPResponse):
    """The reply itself, on such terms."""

    def __init__(self, sock: socket.socket, *args: Any, terms: Terms, **kwargs: Any) -> None:
        # http.client asks nothing of the socket but its file.
        super().__init__(_Source(sock, terms), *args, **kwargs)  # type: ignore[arg-type]  # the one method it uses

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the reply itself: http.client takes any interim one but 100 for it.

        The connection would go back to its pool, and the reply to whoever asks next.
        """
        for _ in range(MAX_INTERIM):
            line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # not in its types
            status = line[1]
            if status >= HTTPStatus.OK:
                return line
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                break
            parse_headers(self.fp)
        raise HTTPException
