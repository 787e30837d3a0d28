"""Sends requests in the site's session, and gives the operator's consent in it (fns-protocol.md, 1).

Sources disagree whether a session is needed, and consent is a legal statement: so it is off unless the operator
switches it on. Cookies are stored and sent back in either case, as a browser does: by host, path and age.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import CookieJar
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit
from urllib.request import Request

import urllib3

from adapters.providers.http_client import Fields, SiteClient, SiteReply
from adapters.providers.nalog.replies import SessionRefused, check_status, is_maintenance, is_redirect
from function.outcomes import Reason
from function.ports import Throttled, Unavailable
from function.telemetry import Observer

FORM_PAGE = "/inn.do"
FORM_NAME = "frmInn"  # the name of the form on that page, by which the page is recognized
OPENING_SEC = 1.0  # `retry_after` of a lookup while another one opens the session

_CONSENT_PAGE = "/static/personal-data.html"
_CONSENT_QUERY = {"svc": "inn", "from": FORM_PAGE}
_CONSENT = "/static/personal-data-proc.json"
_COOKIE = "upd_inn"
# It has the one method that CookieJar calls.
_Response: Any = urllib3.HTTPResponse

Read = TypeVar("Read")


@dataclass(eq=False)
class OpenSession:
    """An open session. `proven`: the service has answered in it."""

    cookies: CookieJar = field(default_factory=CookieJar, repr=False)
    proven: bool = False

    @property
    def has_consent(self) -> bool:
        """Whether the cookie of a consent is set."""
        return any(cookie.name == _COOKIE for cookie in self.cookies)


class SiteSession:
    """One session for all threads, opened when it is first needed, and again after a refusal."""

    def __init__(self, client: SiteClient, observer: Observer, *, consent: bool) -> None:
        self._client = client
        self._observer = observer
        self._consent = consent
        self._opening = threading.Lock()
        self._session = OpenSession() if not consent else None
        self._reported = False

    def send(self, path: str, form: Fields, read: Callable[[SiteReply], Read]) -> Read:
        """Post a form in the session, which is opened if there is none; returns what `read` makes of the reply.

        Raises PROVIDER_CLOSED, to be retried soon, while another thread opens the session, or if it has ended. Raises
        Throttled, Unavailable if it can't be opened, and what `read` raises.
        """
        session = self._open()
        try:
            result = read(self._fetch(session, path, form))
        except SessionRefused as refusal:
            self._discard(session)
            if self._consent and session.proven:
                raise Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC) from None
            if not self._consent and not self._reported:
                self._reported = True
                self._observer.event("consent_needed", variable="CLIENT_NALOG_CONSENT")
            raise refusal.fallback_error from None
        except Throttled:
            self._discard(session)
            raise
        session.proven = True
        return result

    def _open(self) -> OpenSession:
        if (session := self._session) is None:
            # Threads that waited for the session would then ask all at once, with outdated permits.
            if not self._opening.acquire(blocking=False):
                raise Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC)
            try:
                if (session := self._session) is None:
                    session = self._session = self._begin()
            finally:
                self._opening.release()
        return session

    def _discard(self, session: OpenSession) -> None:
        """Discard the session unless it was replaced; the next lookup opens another one."""
        if self._consent and self._session is session:
            self._session = None

    def _begin(self) -> OpenSession:
        """Request the same pages as a browser, consent included."""
        session = OpenSession()
        form_page = self._page(session, FORM_PAGE)
        consent_page = f"{_CONSENT_PAGE}?{urlencode(_CONSENT_QUERY)}"
        if asks_consent(form_page):
            self._page(session, consent_page)
        if not session.has_consent:
            form = _CONSENT_QUERY | {"personalData": "1"}
            reply = self._fetch(session, _CONSENT, form, Referer=self._client.url + consent_page)
            _check(reply)
            if not session.has_consent:
                consented = _Response(headers={"set-cookie": f"{_COOKIE}={_token(reply)}; Path=/"})
                session.cookies.extract_cookies(consented, self._cookie_request(_CONSENT))
        if is_redirect(form_page) and is_redirect(self._page(session, FORM_PAGE)):
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        return session

    def _page(self, session: OpenSession, path: str) -> SiteReply:
        reply = self._fetch(session, path)
        if not asks_consent(reply):
            _check(reply)
        return reply

    def _fetch(self, session: OpenSession, path: str, form: Fields | None = None, **headers: str) -> SiteReply:
        """Get a page, or post a form, with the session's cookies. Raises Unavailable."""
        request = self._cookie_request(path)
        session.cookies.add_cookie_header(request)
        reply = self._client.request(path, form=form, headers=headers | dict(request.header_items()))
        session.cookies.extract_cookies(_Response(headers=reply.headers), request)
        return reply

    def _cookie_request(self, path: str) -> Request:
        return Request(self._client.url + path)  # noqa: S310  # nothing is opened: an address for the cookies


def asks_consent(reply: SiteReply) -> bool:
    """Whether the reply redirects to the page that asks for consent."""
    return is_redirect(reply) and urlsplit(reply.headers.get("location", "")).path.endswith(_CONSENT_PAGE)


def _check(reply: SiteReply) -> None:
    check_status(reply)
    if is_maintenance(reply):
        raise Throttled
    if reply.status != HTTPStatus.OK:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def _token(reply: SiteReply) -> str:
    """The JSON string that the site's script stores as a cookie."""
    try:
        token = json.loads(reply.text)
    except (ValueError, RecursionError):
        token = None
    if not isinstance(token, str) or not (token.isascii() and token.isprintable()) or ";" in token:
        raise Unavailable(Reason.BAD_REPLY)
    return token
