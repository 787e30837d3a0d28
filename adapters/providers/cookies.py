"""A site's cookies, kept as a browser keeps them: by host, path and age. Thread-safe."""

from collections.abc import Iterable
from email.message import Message
from http.cookiejar import CookieJar
from typing import NamedTuple
from urllib.request import Request


class _Headers(NamedTuple):
    """A reply as CookieJar reads it."""

    headers: Message

    def info(self) -> Message:
        return self.headers


class CookieStore:
    """What a site has set; it outlives connections."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def header(self, url: str) -> str:
        """The Cookie header of a request, "" for none."""
        request = Request(url)  # noqa: S310  # nothing is opened: it is the form in which CookieJar takes an address
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie", "") or ""

    def keep(self, url: str, set_cookies: Iterable[str]) -> None:
        """Take over the values of a reply's Set-Cookie headers."""
        headers = Message()
        for value in set_cookies:
            headers["Set-Cookie"] = value
        if headers:
            request = Request(url)  # noqa: S310  # as above
            self._jar.extract_cookies(_Headers(headers), request)  # type: ignore[arg-type]  # it reads no more than info()

    def has(self, name: str) -> bool:
        """Whether there is such a cookie."""
        return any(cookie.name == name for cookie in self._jar)

    def clear(self) -> None:
        """Forget them all."""
        self._jar.clear()
