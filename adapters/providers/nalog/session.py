"""The session that the site's own page begins with, and the operator's consent in it (fns-protocol.md, 1).

Sources disagree whether it is needed; and to consent is a legal statement, so nothing here happens unless the
operator has switched it on. Cookies are kept and sent back in either case.
"""

import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from adapters.providers.http_client import SiteClient, SiteReply
from adapters.providers.nalog.replies import SessionRefused, check_status, is_maintenance, is_redirect
from adapters.providers.nalog.site import CONSENT, CONSENT_PAGE, CONSENT_QUERY, FORM_PAGE
from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import Throttled
from function.telemetry import Observer

SETTING = "CLIENT_NALOG_CONSENT"
OPENING_SEC = 1.0
"""After so long a lookup tries again that came while another one was opening the session."""

_FORM = {**CONSENT_QUERY, "personalData": "1"}
_COOKIE = "upd_inn"


@dataclass(eq=False)
class OpenSession:
    """A session that was opened. `proven`: the service has answered in it."""

    proven: bool = False


class SiteSession:
    """One session for all threads: opened by the first that needs it, and again by the first after it was refused."""

    def __init__(self, client: SiteClient, observer: Observer, *, consent: bool) -> None:
        self._client = client
        self._observer = observer
        self._consent = consent
        self._changing = threading.Lock()
        self._session = OpenSession() if not consent else None
        self._reported = False

    def open(self) -> OpenSession:
        """The session, after opening one where there is none.

        Raises PROVIDER_CLOSED while another thread opens it: who waited for it would ask without a permit of that
        moment, and all of them at once. Raises Throttled, Unavailable where it can't be opened.
        """
        session = self._session
        if session is not None:
            return session
        if not self._changing.acquire(blocking=False):
            raise Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC)
        try:
            if self._session is None:
                self._begin()
                self._session = OpenSession()
            return self._session
        finally:
            self._changing.release()

    def refused(self, session: OpenSession, refusal: SessionRefused) -> Unavailable:
        """How a request ends that was refused in this session: where it was a good one, a new one is worth a try."""
        if not self._consent:
            if not self._reported:
                self._reported = True
                self._observer.event("consent_needed", variable=SETTING)
            return refusal.fallback_error
        self.forget(session)
        return Unavailable(Reason.PROVIDER_CLOSED, OPENING_SEC) if session.proven else refusal.fallback_error

    def forget(self, session: OpenSession) -> None:
        """Open another one for the next lookup, unless this one was replaced already."""
        # While another thread holds the lock, the session is being replaced.
        if self._consent and self._changing.acquire(blocking=False):
            if self._session is session:
                self._session = None
            self._changing.release()

    def _begin(self) -> None:
        """Go the way of the site's own pages, consent included."""
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
                cookies.keep(self._client.url + FORM_PAGE, [f"{_COOKIE}={_token(reply)}; Path=/"])
        if is_redirect(form_page) and is_redirect(self._page(FORM_PAGE)):
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)

    def _page(self, path: str) -> SiteReply:
        reply = self._client.get(path)
        if not asks_consent(reply):
            _check(reply)
        return reply


def asks_consent(reply: SiteReply) -> bool:
    """Whether it sends the visitor to the page that asks for consent."""
    return is_redirect(reply) and urlsplit(reply.headers.get("location", "")).path.endswith(CONSENT_PAGE)


def _check(reply: SiteReply) -> None:
    check_status(reply)
    if is_maintenance(reply):
        raise Throttled
    if reply.status != HTTPStatus.OK:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def _token(reply: SiteReply) -> str:
    """The JSON string that the site's script keeps as a cookie."""
    try:
        token = json.loads(reply.text)
    except (ValueError, RecursionError):
        token = None
    if not isinstance(token, str) or not (token.isascii() and token.isprintable()) or ";" in token:
        raise Unavailable(Reason.BAD_REPLY)
    return token
