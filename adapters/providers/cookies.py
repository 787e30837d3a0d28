"""Stores a site's cookies as a browser does: by host, path and age. Thread-safe."""

from collections.abc import Iterable
from email.message import Message
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import NamedTuple, cast
from urllib.request import Request


class _Reply(NamedTuple):
    """The part of a reply that CookieJar reads."""

    headers: Message

    def info(self) -> Message:
        return self.headers


class CookieStore:
    """The cookies of one site, for all its connections."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def header(self, url: str) -> str:
        """The Cookie header of a request, "" for none."""
        if not len(self._jar):
            return ""
        request = _request(url)
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie", "") or ""

    def keep(self, url: str, set_cookies: Iterable[str]) -> None:
        """Store the values of a reply's Set-Cookie headers."""
        headers = Message()
        for value in set_cookies:
            headers["Set-Cookie"] = value
        self._jar.extract_cookies(cast("HTTPResponse", _Reply(headers)), _request(url))

    def has(self, name: str) -> bool:
        """Whether there is such a cookie."""
        return any(cookie.name == name for cookie in self._jar)

    def clear(self) -> None:
        """Delete all cookies."""
        self._jar.clear()


def _request(url: str) -> Request:
    return Request(url)  # noqa: S310  # nothing is opened: CookieJar takes the address as a Request
