"""urllib3's connections, each byte of whose replies comes before a deadline or not at all.

A read timeout bounds one `recv`: a server that drips a byte now and then, in headers or body, would
hold a worker for ever. So the socket's timeout shrinks to what is left before every read.

Nothing in HTTP says which request a reply belongs to but its place on the connection, and the next
request may be for another person. So a connection on which anything lies beyond the reply is not used again.
"""

import ssl
from http.client import HTTPException
from typing import Any, Protocol

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from adapters.providers.nalog.connecting import BySocks, Connecting


class _Bounded(Connecting):
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

    @property
    def is_connected(self) -> bool:
        """Whether a request may be sent on it: what came unasked, or was read by TLS already, would be its reply."""
        if self.sock is None or self._strayed:
            return False
        # The request that follows sets the socket's time anew.
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself overrides http.client
        """What fails here has been sent: urllib3 takes a broken connection to a proxy for one that was never made."""
        self._bound(self.timeout or 0)
        try:
            return super().getresponse()
        except TimeoutError:
            raise
        except (OSError, HTTPException) as exc:
            raise ProtocolError("no reply", exc) from exc


class _BoundedTls(_Bounded, HTTPSConnection):
    pass


class _BoundedSocks(BySocks, _Bounded, SOCKSConnection):
    pass


class _BoundedSocksTls(BySocks, _Bounded, SOCKSHTTPSConnection):
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
