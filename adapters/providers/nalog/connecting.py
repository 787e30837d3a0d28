"""How a connection comes about: name, address, tunnel and TLS, all of it within one connect timeout.

urllib3 gives that time to each address, to the tunnel and to TLS in turn, and to the resolver none.
Not bounded as a whole is what drips of a SOCKS handshake, or of TLS within a proxy's own TLS.
"""

import socket
import ssl
import time
from functools import partial
from http.client import HTTPException
from typing import Any

from urllib3 import Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProxyError, SSLError

from adapters.providers.nalog import resolving
from adapters.providers.nalog.reading import Response, Terms


class Within(Timeout):
    """So many seconds from now for all of one request: urllib3 begins to count only behind a proxy's tunnel."""

    def __init__(self, seconds: float, connect: float) -> None:
        super().__init__(total=seconds, connect=min(connect, seconds))
        self._until = time.monotonic() + seconds

    def clone(self) -> Timeout:
        """Itself: it is of use once."""
        return self

    @property
    def read_timeout(self) -> float:
        """What is left for the reply."""
        return max(self._until - time.monotonic(), 0)


class NoTlsError(SSLError):
    """The other side hung, closed or spoke nonsense while TLS began, so nothing has been sent; its certificate is not at fault."""


class Connecting(HTTPConnection):
    """Comes about in time or not at all; its replies (a proxy's to CONNECT too) are read on terms."""

    _strayed = False
    _until = 0.0

    def connect(self) -> None:
        """What fails here has sent nothing: urllib3 would call some of it a reply that is late, or broken off."""
        self._strayed = False
        self._until = time.monotonic() + (self.timeout or 0)
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            raise
        except OSError as exc:
            raise NoTlsError(exc) from exc

    def _new_conn(self) -> socket.socket:
        found = self._addresses(self._next_host())
        while True:
            address = found.pop(0)
            try:
                # Those that are yet to be tried have a share of the time, too.
                sock = self._dial(address, self._left() / (len(found) + 1))
                sock.settimeout(self._left())
            except ConnectTimeoutError:
                if not found:
                    raise
            else:
                return sock

    def _addresses(self, host: str) -> list[str]:
        try:
            return resolving.addresses(host, self._left())
        except socket.gaierror as exc:
            raise NameResolutionError(self.host, self, exc) from exc
        except TimeoutError as exc:
            raise ConnectTimeoutError from exc

    def _next_host(self) -> str:
        """Whom the connection itself leads to."""
        return self._dns_host

    def _dial(self, address: str, seconds: float) -> socket.socket:
        """A connection by this address of the next host."""
        host, timeout = self._dns_host, self.timeout
        self._dns_host, self.timeout = address, seconds
        try:
            return super()._new_conn()
        finally:
            self._dns_host, self.timeout = host, timeout

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise ConnectTimeoutError
        return left

    def _tunnel(self) -> None:
        self._bound(self._left())
        try:
            super()._tunnel()
        except (OSError, HTTPException) as exc:
            raise ProxyError("no tunnel", exc) from exc
        self.sock.settimeout(self._left())

    def _bound(self, seconds: float) -> None:
        terms = Terms(seconds, self._stray)
        self.response_class = partial(Response, terms=terms)  # type: ignore[assignment]  # called only

    def _stray(self) -> None:
        self._strayed = True


class BySocks(Connecting):
    """By way of a SOCKS proxy; to be mixed into urllib3's own."""

    _socks_options: Any

    def _next_host(self) -> str:
        return str(self._socks_options["proxy_host"])

    def _dial(self, address: str, seconds: float) -> socket.socket:
        options, host = self._socks_options, self._dns_host
        self._socks_options = {**options, "proxy_host": address}
        # A proxy that is not to resolve the site's name gets its number: PySocks would resolve it without a limit.
        site = host if options["rdns"] else _by_ipv4_first(self._addresses(host))
        try:
            return super()._dial(site, seconds)
        finally:
            self._socks_options = options


def _by_ipv4_first(addresses: list[str]) -> str:
    """SOCKS 4 knows no others."""
    return min(addresses, key=lambda address: ":" in address)
