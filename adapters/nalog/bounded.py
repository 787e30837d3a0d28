"""urllib3's connections, each byte of whose replies comes before a deadline or not at all.

A read timeout bounds one `recv`: a server that drips a byte now and then, in headers or body, would
hold a worker for ever. So the socket's timeout shrinks to what is left before every read.
"""

import io
import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import Any, Protocol

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection
from urllib3.response import HTTPResponse as PooledResponse


class _Raw(io.RawIOBase):
    """A socket's bytes until `seconds` from now; TimeoutError afterwards."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        super().__init__()
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Source:
    """What http.client reads a reply from."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._seconds = seconds

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Raw(self._sock, self._seconds))


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, seconds: float, **kwargs: Any) -> None:
        # http.client asks nothing of the socket but its file.
        super().__init__(_Source(sock, seconds), *args, **kwargs)  # type: ignore[arg-type]  # the one method it uses


class _Bounded(HTTPConnection):
    """Gives every reply (a proxy's to CONNECT too) the timeout that urllib3 has just worked out, as a whole.

    A request leaves in one piece, as a browser's does: http.client alone would send head and body
    one after the other, and wake the other side twice.
    """

    _held: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        held: list[bytes] = []
        self._held = held
        try:
            super().request(*args, **kwargs)
        finally:
            self._held = None
        super().send(b"".join(held))

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)

    def connect(self) -> None:
        self._bound()
        super().connect()

    def getresponse(self) -> PooledResponse:  # type: ignore[override]  # as urllib3 itself overrides http.client
        self._bound()
        return super().getresponse()

    def _bound(self) -> None:
        self.response_class = partial(_Response, seconds=self.timeout or 0)  # type: ignore[assignment]  # called only


class _BoundedTls(_Bounded, HTTPSConnection):
    pass


class _BoundedSocks(_Bounded, SOCKSConnection):
    pass


class _BoundedSocksTls(_Bounded, SOCKSHTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


class _SocksPool(HTTPConnectionPool):
    ConnectionCls = _BoundedSocks


class _SocksTlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedSocksTls


class HasPools(Protocol):
    """Any of urllib3's managers of pools."""

    pool_classes_by_scheme: dict[str, Any]


def bind(manager: HasPools, *, socks: bool) -> None:
    """Let the manager make bounded connections only."""
    manager.pool_classes_by_scheme = (
        {"http": _SocksPool, "https": _SocksTlsPool} if socks else {"http": _Pool, "https": _TlsPool}
    )
