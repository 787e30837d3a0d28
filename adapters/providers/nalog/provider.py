"""The tax service as a provider: each call is one request, in the configured protocol (fns-protocol.md, 1, 2).

Sources disagree whether a session is needed, and its consent is a legal statement: so it is off unless the operator
switches it on. Cookies are stored and sent back in either case, as a browser does: by host, path and age.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.cookiejar import CookieJar
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit
from urllib.request import Request

import urllib3

from adapters.config.settings import NalogSettings
from adapters.providers.http_client import Fields, SiteClient, SiteReply
from adapters.providers.nalog import replies, site_form
from adapters.providers.nalog.replies import NAME, check_status, is_maintenance, is_redirect
from adapters.providers.nalog.site_form import CONSENT, CONSENT_PAGE, CONSENT_QUERY, FORM_PAGE
from function.outcomes import Reason
from function.ports import Clock, Invalid, Pending, ProviderReply, Throttled, Ticket, Unavailable
from function.request import LookupRequest
from function.telemetry import Observer

TICKET_LIFE = timedelta(seconds=180)
"""The site's own page stops polling after this time."""
MAX_WAIT = 60
"""Longest wait between two polls, in units of `poll_wait`; it grows by one unit a poll."""
MAX_REFUSALS = 3
"""Polls that may fail with an unknown requestId; after one more the ticket is dropped."""
OPENING_SEC = 1.0
"""`retry_after` of a lookup while another one opens the session."""

_FORM = {**CONSENT_QUERY, "personalData": "1"}
_COOKIE = "upd_inn"
# It has the one method that CookieJar calls.
_Response: Any = urllib3.HTTPResponse

Read = TypeVar("Read")


class Nalog:
    """A thread-safe Provider. `poll_wait`: seconds between a find and the first poll."""

    name = NAME

    def __init__(self, settings: NalogSettings, clock: Clock, observer: Observer, poll_wait: float = 1) -> None:
        self._clock = clock
        self._poll_wait = poll_wait
        self._legacy = settings.protocol == "legacy"
        self._page = site_form.two_step_page(settings.url)
        self._session = SiteSession(site_form.client(settings), observer, consent=settings.consent)

    def serves(self, request: LookupRequest) -> bool:
        """True: it serves every document type."""
        return True

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        """Poll with a ticket, else find the person. See Provider."""
        if self._legacy:
            form = {"c": "innMy", **site_form.person_fields(request), "bplace": "", **site_form.NO_CAPTCHA}
            return self._session.send(site_form.LEGACY, form, replies.legacy_reply)
        if ticket is not None:
            return self._poll(ticket)
        form = {"c": "find", **site_form.person_fields(request), **site_form.NO_CAPTCHA}
        reply = self._session.send(self._page, form, replies.parse_find_reply)
        if isinstance(reply, Invalid):
            return ProviderReply(reply)
        request_id, captcha_ahead = reply
        ticket = Ticket(NAME, request_id, self._clock.now() + TICKET_LIFE)
        return ProviderReply(Pending(ticket, self._poll_wait), captcha_ahead)

    def _poll(self, ticket: Ticket) -> ProviderReply:
        try:
            reply = self._session.send(self._page, {"c": "get", "requestId": ticket.value}, replies.parse_get_reply)
        except replies.NoResult:
            raise
        except Unavailable as error:
            # A failed poll does not invalidate the find.
            refusals = ticket.refusals + isinstance(error, replies.UnknownRequestId)
            pending = self._pending(ticket._replace(refusals=refusals), error.retry_after)
            captcha_ahead = isinstance(error, replies.CaptchaRequired)
            return ProviderReply(pending, captcha_ahead=captcha_ahead, failure=error.reason)
        return reply or ProviderReply(self._pending(ticket))

    def _pending(self, ticket: Ticket, at_least: float = 0) -> Pending:
        """The ticket for another poll. Raises Unavailable if it expires before that, or was refused too often."""
        ticket = ticket._replace(polls=ticket.polls + 1)
        wait = max(min(ticket.polls + 1, MAX_WAIT) * self._poll_wait, at_least)
        too_late = self._clock.now() + timedelta(seconds=wait) >= ticket.expires_at
        if too_late or ticket.refusals > MAX_REFUSALS:
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        return Pending(ticket, wait)


@dataclass(eq=False)
class OpenSession:
    """An open session. `proven`: the service has answered in it."""

    proven: bool = False


class SiteSession:
    """One session for all threads, opened when it is first needed, and again after a refusal."""

    def __init__(self, client: SiteClient, observer: Observer, *, consent: bool) -> None:
        self._client = client
        self._observer = observer
        self._consent = consent
        self._cookies = CookieJar()
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
            result = read(self._fetch(path, form))
        except replies.SessionRefused as refusal:
            raise self._handle_refusal(session, refusal) from None
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
                    self._begin()
                    session = self._session = OpenSession()
            finally:
                self._opening.release()
        return session

    def _handle_refusal(self, session: OpenSession, refusal: replies.SessionRefused) -> Unavailable:
        """The error of a request that was refused in this session; it is retried if the session was proven."""
        if not self._consent:
            if not self._reported:
                self._reported = True
                self._observer.event("consent_needed", variable="CLIENT_NALOG_CONSENT")
            return refusal.fallback_error
        self._discard(session)
        return Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC) if session.proven else refusal.fallback_error

    def _discard(self, session: OpenSession) -> None:
        """Discard the session unless it was replaced; the next lookup opens another one."""
        if self._consent and self._session is session:
            self._session = None

    def _begin(self) -> None:
        """Request the same pages as a browser, consent included."""
        self._cookies.clear()
        form_page = self._page(FORM_PAGE)
        consent_page = f"{CONSENT_PAGE}?{urlencode(CONSENT_QUERY)}"
        if asks_consent(form_page):
            self._page(consent_page)
        if not self._has_consented:
            reply = self._fetch(CONSENT, _FORM, Referer=self._client.url + consent_page)
            _check(reply)
            if not self._has_consented:
                consented = _Response(headers={"set-cookie": f"{_COOKIE}={_token(reply)}; Path=/"})
                self._cookies.extract_cookies(consented, self._cookie_request(CONSENT))
        if is_redirect(form_page) and is_redirect(self._page(FORM_PAGE)):
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)

    @property
    def _has_consented(self) -> bool:
        return any(cookie.name == _COOKIE for cookie in self._cookies)

    def _page(self, path: str) -> SiteReply:
        reply = self._fetch(path)
        if not asks_consent(reply):
            _check(reply)
        return reply

    def _fetch(self, path: str, form: Fields | None = None, **headers: str) -> SiteReply:
        """Get a page, or post a form, with the site's cookies. Raises Unavailable."""
        request = self._cookie_request(path)
        self._cookies.add_cookie_header(request)
        headers |= request.header_items()
        reply = self._client.request(path, form=form, headers=headers)
        self._cookies.extract_cookies(_Response(headers=reply.headers), request)
        return reply

    def _cookie_request(self, path: str) -> Request:
        return Request(self._client.url + path)  # noqa: S310  # nothing is opened: an address for the cookies


def asks_consent(reply: SiteReply) -> bool:
    """Whether the reply redirects to the page that asks for consent."""
    return is_redirect(reply) and urlsplit(reply.headers.get("location", "")).path.endswith(CONSENT_PAGE)


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
