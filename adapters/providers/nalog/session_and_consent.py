"""Opens the site's session, and gives the operator's consent in it (fns-protocol.md, 1).

Sources disagree whether a session is needed, and consent is a legal statement: so it is off unless the operator
switches it on. Cookies are stored and sent back in either case.
"""

import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from adapters.providers.http_client import SiteClient, SiteReply
from adapters.providers.nalog.replies import SessionRefused, check_status, is_maintenance, is_redirect
from adapters.providers.nalog.site_form import CONSENT, CONSENT_PAGE, CONSENT_QUERY, FORM_PAGE
from function.outcomes import Reason
from function.ports import Throttled, Unavailable
from function.telemetry import Observer

SETTING = "CLIENT_NALOG_CONSENT"
OPENING_SEC = 1.0
"""`retry_after` of a lookup while another one opens the session."""

_FORM = {**CONSENT_QUERY, "personalData": "1"}
_COOKIE = "upd_inn"


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
        self._opening = threading.Lock()
        self._session = OpenSession() if not consent else None
        self._reported = False

    def open(self) -> OpenSession:
        """The session; opens one if there is none.

        Raises PROVIDER_CLOSED while another thread opens it: threads that waited for it would then ask all at once,
        with outdated permits. Raises Throttled, Unavailable if it can't be opened.
        """
        session = self._session
        if session is not None:
            return session
        if not self._opening.acquire(blocking=False):
            raise Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC)
        try:
            session = self._session
            if session is None:
                self._begin()
                session = self._session = OpenSession()
            return session
        finally:
            self._opening.release()

    def handle_refusal(self, session: OpenSession, refusal: SessionRefused) -> Unavailable:
        """The error of a request that was refused in this session; it is retried if the session was proven."""
        if not self._consent:
            if not self._reported:
                self._reported = True
                self._observer.event("consent_needed", variable=SETTING)
            return refusal.fallback_error
        self.discard(session)
        return Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC) if session.proven else refusal.fallback_error

    def discard(self, session: OpenSession) -> None:
        """Discard the session unless it was replaced; the next lookup opens another one."""
        if self._consent and self._session is session:
            self._session = None

    def _begin(self) -> None:
        """Request the same pages as a browser, consent included."""
        cookies = self._client.cookies
        cookies.clear()
        form_page = self._page(FORM_PAGE)
        consent_page = f"{CONSENT_PAGE}?{urlencode(CONSENT_QUERY)}"
        if asks_consent(form_page):
            self._page(consent_page)
        if not cookies.has(_COOKIE):
            reply = self._client.post(CONSENT, _FORM, {"Referer": self._client.url + consent_page})
            _check(reply)
            if not cookies.has(_COOKIE):
                cookies.keep(self._client.url + FORM_PAGE, {"set-cookie": f"{_COOKIE}={_token(reply)}; Path=/"})
        if is_redirect(form_page) and is_redirect(self._page(FORM_PAGE)):
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)

    def _page(self, path: str) -> SiteReply:
        reply = self._client.get(path)
        if not asks_consent(reply):
            _check(reply)
        return reply


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
