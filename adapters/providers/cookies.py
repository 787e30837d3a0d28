"""Stores a site's cookies as a browser does: by host, path and age. Thread-safe."""

from collections.abc import Mapping
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import cast
from urllib.request import Request

import urllib3


class CookieStore(CookieJar):
    """The cookies of one site, for all its connections."""

    def header(self, url: str) -> str:
        """The Cookie header of a request, "" for none."""
        if not len(self):
            return ""
        request = _request(url)
        self.add_cookie_header(request)
        return request.get_header("Cookie", "") or ""

    def keep(self, url: str, headers: Mapping[str, str]) -> None:
        """Store the cookies that a reply's headers set."""
        # urllib3's response has the one method that CookieJar calls.
        self.extract_cookies(cast("HTTPResponse", urllib3.HTTPResponse(headers=headers)), _request(url))

    def has(self, name: str) -> bool:
        """Whether there is such a cookie."""
        return any(cookie.name == name for cookie in self)


def _request(url: str) -> Request:
    return Request(url)  # noqa: S310  # nothing is opened: CookieJar takes the address as a Request
