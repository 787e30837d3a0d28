"""The site's cookies, kept as a browser keeps them: by host, path and age. Thread-safe."""

from email.message import Message
from http.cookiejar import Cookie, CookieJar
from urllib.parse import urlsplit
from urllib.request import Request

from urllib3 import HTTPHeaderDict


class _Reply:
    """A reply as CookieJar wants to see it."""

    def __init__(self, headers: HTTPHeaderDict) -> None:
        self._headers = Message()
        for value in headers.getlist("Set-Cookie"):
            self._headers.add_header("Set-Cookie", value)

    def info(self) -> Message:
        return self._headers


class Cookies:
    """What one site has set."""

    def __init__(self) -> None:
        self._jar = CookieJar()
        self._empty = True

    def header(self, url: str) -> str:
        """The Cookie header of a request, "" for none."""
        if self._empty:
            return ""
        request = _request(url)
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie", "") or ""

    def keep(self, url: str, headers: HTTPHeaderDict) -> None:
        """Take what a reply sets."""
        if "Set-Cookie" in headers:
            # CookieJar asks nothing of a reply but its headers.
            self._empty = False
            self._jar.extract_cookies(_Reply(headers), _request(url))  # type: ignore[arg-type]  # see above

    def has(self, name: str) -> bool:
        """Whether there is such a cookie."""
        return any(cookie.name == name for cookie in self._jar)

    def put(self, url: str, name: str, value: str) -> None:
        """Set a cookie as a script of the site's page does."""
        host = urlsplit(url).hostname or ""
        self._empty = False
        self._jar.set_cookie(_session_cookie(name, value, host if "." in host else f"{host}.local"))

    def clear(self) -> None:
        """Forget them all."""
        self._jar.clear()


def _request(url: str) -> Request:
    # Nothing is opened with it: it is the form in which CookieJar takes an address.
    return Request(url)  # noqa: S310  # see above


def _session_cookie(name: str, value: str, domain: str) -> Cookie:
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=False,
        domain_initial_dot=False,
        path="/",
        path_specified=True,
        secure=False,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={},
    )
