"""One HTTP request and its reply with a site that is not trusted: bounded in time and size, TLS verified, never redirected.

urllib3's errors are translated here and nowhere else. Their texts hold URLs, and URLs can hold
persons and keys: so they are not even kept as the context of what is raised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlencode

from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from adapters.providers.nalog import quiet
from adapters.providers.nalog.connecting import NoTlsError, Within
from adapters.providers.nalog.cookies import Cookies
from adapters.providers.nalog.pools import Site, manager
from adapters.providers.nalog.retry_after import seconds_of
from function.outcomes import Reason
from function.ports import Unavailable

MAX_BYTES = 1 << 20
"""Of a reply's body: far more than any that has been seen."""
CONNECT_SEC = 10.0
"""Seconds that a connection may take, its host's name, tunnel and TLS included, where there is time left."""
FORM = "application/x-www-form-urlencoded; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Page:
    """A reply, whatever its status. `retry_after`: seconds, 0 where the site did not say."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float = 0


class Broken(Unavailable):
    """The connection failed, which may be tried anew. `sent`: whether the request may have arrived all the same."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__(Reason.PROVIDER_UNAVAILABLE)
        self.sent = sent


class Exchange:
    """Requests to one site, from any thread. Raises OSError where the CA bundle cannot be read."""

    def __init__(self, site: Site) -> None:
        quiet.silence_urls()
        self._url = site.url
        self._headers = dict(site.headers)
        self._manager = manager(site)
        self.cookies = Cookies()

    def post(self, path: str, fields: Mapping[str, str], seconds: float) -> Page:
        """Send a form; the reply within so many seconds. Raises Broken or Unavailable."""
        return self._ask("POST", self._url + path, seconds, urlencode(fields).encode())

    def get(self, path: str, fields: Mapping[str, str], seconds: float) -> Page:
        """Ask with the fields in the URL, where a vendor wants it so. Raises Broken or Unavailable."""
        query = f"?{urlencode(fields)}" if fields else ""
        return self._ask("GET", self._url + path + query, seconds)

    def put_cookie(self, name: str, value: str) -> None:
        """Set a cookie, as a script of the site's page does."""
        self.cookies.put(self._url, name, value)

    def close(self) -> None:
        """Close what is idle; a later request opens anew."""
        self._manager.clear()

    def _ask(self, method: str, url: str, seconds: float, form: bytes | None = None) -> Page:
        if seconds <= 0:
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        headers = self._headers.copy()
        if form is not None:
            headers["Content-Type"] = FORM
        if cookie := self.cookies.header(url):
            headers["Cookie"] = cookie
        try:
            return self._page(method, url, seconds, {"body": form, "headers": headers})
        except HTTPError as exc:
            fault = _translated(exc)
        # Raised here, where the driver's error is no longer at hand to be its context.
        raise fault

    def _page(self, method: str, url: str, seconds: float, what: dict[str, Any]) -> Page:
        response = self._manager.urlopen(
            method,
            url,
            timeout=Within(seconds, CONNECT_SEC),
            retries=False,
            redirect=False,
            preload_content=False,
            **what,
        )
        try:
            self.cookies.keep(url, response.headers)
            body = response.read(MAX_BYTES + 1)
        finally:
            # Read to its end, a reply has given its connection back; any other connection is of no more use.
            response.close()
        if len(body) > MAX_BYTES:
            raise Unavailable(Reason.BAD_REPLY)
        return Page(response.status, body, seconds_of(response.headers))


def _translated(exc: HTTPError) -> Unavailable:
    if isinstance(exc, DecodeError):
        return Unavailable(Reason.BAD_REPLY)
    if _untrusted(exc):
        # A certificate that is not trusted now will not be a second later.
        return Unavailable(Reason.PROVIDER_UNAVAILABLE)
    if isinstance(exc, NewConnectionError | ConnectTimeoutError | ProxyError | NoTlsError):
        return Broken(sent=False)
    if isinstance(exc, ReadTimeoutError):
        # There is no time left to try anew.
        return Unavailable(Reason.PROVIDER_UNAVAILABLE)
    return Broken(sent=True)


def _untrusted(exc: HTTPError) -> bool:
    cause = exc.original_error if isinstance(exc, ProxyError) else exc
    return isinstance(cause, SSLError) and any(isinstance(arg, SSLCertVerificationError) for arg in cause.args)
