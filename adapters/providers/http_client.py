"""HTTP client for untrusted sites: an exchange is one connection, one request, one bounded reply, one deadline.

urllib3 makes the connection (proxies, SOCKS, TLS), h11 speaks HTTP over it. Each exchange runs in its own thread. At
the deadline the caller shuts the socket down and abandons the thread, whatever hangs: name resolution, connect, tunnel,
TLS, or a slow reply. After its deadline an exchange sends nothing.

Connections are not reused: only the order on a connection matches a reply to its request. Redirects are not followed.
Errors contain no text, URL or driver's error, since URLs can contain persons and keys; nothing is logged.
"""

import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import h11
import urllib3
from urllib3.contrib.socks import SOCKSProxyManager
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry, Url, parse_url

from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import MAX_COOLDOWN_SEC

MAX_BYTES = 1 << 20  # of a reply's body, compressed or not: far more than any real one
MAX_HEADERS = 100
MAX_INTERIM = 32  # informational replies (1xx) before the reply: far more than any site sends
CONNECT_SEC = 10.0  # of one address, at most half of the remaining time, so that the next address can be tried
FORM = "application/x-www-form-urlencoded; charset=UTF-8"

Fields = Mapping[str, str]

_READ_BYTES = 1 << 14
_CHARSET = re.compile(r"charset=[\"']?(utf-?8|windows-1251|cp1251|koi8-r|iso-8859-5)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SiteReply:
    """A reply of any status. `headers`: by lower-case name; repeated ones are joined by commas."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The body, by the charset of `Content-Type`, else as UTF-8, else as windows-1251."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        for charset in (named[1] if named else "utf-8", "utf-8"):
            with suppress(UnicodeDecodeError):
                return self.body.decode(charset).removeprefix("\ufeff")
        return self.body.decode("windows-1251", errors="ignore")

    @property
    def retry_after(self) -> float:
        """Seconds of `Retry-After`, at most an hour; 0 without one. After an hour a probe is sent anyway."""
        with suppress(InvalidHeader, ValueError, OverflowError):
            return Retry(retry_after_max=int(MAX_COOLDOWN_SEC)).parse_retry_after(self.headers.get("retry-after", ""))
        return 0


class SiteClient:
    """Makes exchanges with one site; thread-safe. Raises OSError if the CA bundle cannot be read.

    `url`: without a final slash; `timeout`: seconds of an exchange; `proxy`: "" for none, http(s):// or socks…://;
    `ca_bundle`: a file of certificates to trust beside the system's; `retries`: of a failed connect, the first at once,
    the second after `wait` seconds, each later one after twice the wait.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        headers: Fields | None = None,
        proxy: str = "",
        ca_bundle: str = "",
        retries: int = 0,
        wait: float = 0,
    ) -> None:
        self.url = url
        self.timeout = timeout
        self._headers = {"Accept-Encoding": "identity", "Connection": "close", **(headers or {})}
        # urllib3's backoff begins with the second retry, at twice the factor.
        self._retry = Retry(retries, backoff_factor=wait / 2, backoff_max=timeout)
        self._pool: Any = pool_manager(proxy, ca_bundle).connection_from_url(url)
        self._tunnel = self._pool.proxy if url.startswith("https:") else None
        self._forwarded = self._pool.proxy is not None and self._tunnel is None
        if self._forwarded:
            self._headers |= self._pool.proxy_headers

    def request(
        self, path: str, *, query: Fields | None = None, form: Fields | None = None, headers: Fields | None = None
    ) -> SiteReply:
        """Post the form once, or get the page if there is none. Raises Unavailable."""
        url = parse_url(self.url + path + (f"?{urlencode(query)}" if query else ""))
        headers = {"Host": url.netloc or "", **self._headers, **(headers or {})}
        body = b""
        if form is not None:
            body = urlencode(form).encode()
            headers |= {"Content-Type": FORM, "Content-Length": str(len(body))}
        request = h11.Request(
            method="GET" if form is None else "POST",
            target=url.url if self._forwarded else url.request_uri,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        )
        exchange = _SiteRequest(self._pool, self._tunnel, self._retry, time.monotonic() + self.timeout)
        reply: futures.Future[SiteReply] = futures.Future()
        Thread(target=exchange.run, args=(request, body, reply), name="exchange", daemon=True).start()
        if not futures.wait([reply], self.timeout).done:
            exchange.shut_down()
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        try:
            return reply.result()
        finally:
            del reply  # an error's traceback holds this frame, and with it the person's form


@dataclass(slots=True, eq=False)
class _SiteRequest:
    """One exchange, in a thread; `shut_down` is called from another one."""

    pool: Any
    tunnel: Url | None  # the proxy to reach the site through
    retry: Retry
    deadline: float
    _connection: Any = None

    def run(self, request: h11.Request, body: bytes, reply: futures.Future[SiteReply]) -> None:
        """Complete `reply`, with the error if there is one."""
        try:
            reply.set_result(self._reply(request, body))
        except (HTTPError, OSError, HTTPException, h11.ProtocolError):
            reply.set_exception(Unavailable(Reason.PROVIDER_UNAVAILABLE))
        except Exception as error:  # noqa: BLE001  # raised in the caller's thread
            reply.set_exception(error)
        finally:
            if self._connection is not None:
                self._connection.close()
            del reply  # an error's traceback holds this frame, and with it the person's form

    def shut_down(self) -> None:
        """Shut down the socket, if there is one, which ends any read or write."""
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                # TLS within a proxy's TLS wraps the proxy's socket.
                getattr(sock, "socket", sock).shutdown(socket.SHUT_RDWR)

    def _reply(self, request: h11.Request, body: bytes) -> SiteReply:
        self._connect()
        http = h11.Connection(h11.CLIENT)
        messages = map(http.send, (request, h11.Data(body), h11.EndOfMessage()))
        self._connection.sock.settimeout(self._remaining())
        self._connection.sock.sendall(b"".join(filter(None, messages)))
        head, content = self._read_reply(http)
        headers = urllib3.HTTPHeaderDict([(name.decode(), value.decode("latin-1")) for name, value in head.headers])
        encoding = headers.get("content-encoding", "").lower()
        if encoding not in ("", "identity"):
            content = _decompress(content)
        return SiteReply(head.status_code, content, headers)

    def _connect(self) -> None:
        """Connect with the pool's settings, but outside of the pool."""
        pool, retry = self.pool, self.retry
        address = self.tunnel or pool
        while True:
            timeout = min(CONNECT_SEC, self._remaining() / 2)
            connection = pool.ConnectionCls(host=address.host, port=address.port, timeout=timeout, **pool.conn_kw)
            if self.tunnel:
                connection.set_tunnel(pool.host, pool.port, pool.proxy_headers, scheme=self.tunnel.scheme)
            self._connection = connection
            try:
                connection.connect()
                return
            except ssl.SSLCertVerificationError:
                raise  # a retry does not make a certificate trusted
            except (HTTPError, OSError, HTTPException) as exc:
                connection.close()
                retry = retry.increment(error=exc)
            retry.sleep()

    def _read_reply(self, http: h11.Connection) -> tuple[h11.Response, bytes]:
        """Read the reply's head and body; skip informational replies."""
        head, body, interim = None, bytearray(), 0
        while True:
            event = http.next_event()
            match event:
                case h11.NEED_DATA:
                    http.receive_data(self._connection.sock.recv(_READ_BYTES))
                case h11.Response():
                    head = event
                case h11.Data(data):
                    body += data
                case h11.EndOfMessage() if head is not None:
                    return head, bytes(body)
                case h11.InformationalResponse() if interim < MAX_INTERIM:
                    interim += 1
                case _:
                    raise h11.RemoteProtocolError("no reply")
            if len(body) > MAX_BYTES or (head is not None and len(head.headers) > MAX_HEADERS):
                raise Unavailable(Reason.BAD_REPLY)

    def _remaining(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _decompress(body: bytes) -> bytes:
    """Decompress a body, which some sites compress without being asked."""
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
    content = b""
    with suppress(zlib.error):
        content = decompressor.decompress(body, MAX_BYTES + 1)
    if len(content) > MAX_BYTES or not decompressor.eof:
        raise Unavailable(Reason.BAD_REPLY)
    return content


def without_page(url: str, pages: Sequence[str]) -> str:
    """The address without a final slash, and without the first of these pages that it names."""
    bare = url.rstrip("/")
    return bare.removesuffix(next(filter(urlsplit(bare).path.endswith, pages), ""))


def pool_manager(proxy: str, ca_bundle: str) -> urllib3.PoolManager:
    """A pool that verifies TLS, through the proxy if any. Raises OSError if the bundle cannot be read."""
    trust = _trust(ca_bundle)
    if proxy.startswith("socks"):
        return SOCKSProxyManager(proxy, ssl_context=trust)
    if not proxy:
        return urllib3.PoolManager(ssl_context=trust)
    user, password = parse_url(proxy).auth_decoded
    login = None if user is None else urllib3.make_headers(proxy_basic_auth=f"{user}:{password or ''}")
    return urllib3.ProxyManager(proxy, proxy_headers=login, proxy_ssl_context=trust, ssl_context=trust)


@cache
def _trust(ca_bundle: str) -> ssl.SSLContext:
    """The system's certificates and those of the file; cached, for they load slowly."""
    context = ssl.create_default_context()
    if ca_bundle:
        context.load_verify_locations(ca_bundle)
    return context
