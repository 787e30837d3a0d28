"""The session that the site's own page begins with, and the operator's consent in it.

Sources disagree whether it is needed; and to consent is a legal statement, so nothing here happens
unless the operator has switched it on. Cookies are kept and sent back in either case.
"""

import json
import threading
from http import HTTPStatus

from adapters.nalog.conversation import Conversation
from adapters.nalog.exchange import Exchange, Page
from adapters.nalog.refusals import refuse
from adapters.nalog.site import CONSENT, FORM_PAGE
from function.outcomes import Reason
from function.pacing import Throttled
from function.ports import Unavailable

_FORM = {"from": FORM_PAGE, "svc": "inn", "personalData": "1"}
_COOKIE = "upd_inn"


class Session:
    """One session for all threads, opened by the first that needs it."""

    def __init__(self, exchange: Exchange, *, consent: bool) -> None:
        self._exchange = exchange
        self._open = not consent
        self._consent = consent
        self._number = 0
        self._lock = threading.Lock()

    def open(self, talk: Conversation) -> int:
        """Open the page and consent, once; which session it is by now. Raises Throttled, Unavailable."""
        if self._open:
            return self._number
        if not self._lock.acquire(timeout=max(talk.left(), 0)):
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        try:
            if not self._open:
                self._begin(talk)
                self._number += 1
                self._open = True
            return self._number
        finally:
            self._lock.release()

    def forget(self, number: int) -> None:
        """Begin anew with the next lookup: the service may have ended this session, for it turned us away.

        Who was turned away under an earlier one says nothing of the one that has taken its place.
        """
        if self._consent and number == self._number:
            self._open = False

    def _begin(self, talk: Conversation) -> None:
        self._exchange.cookies.clear()
        _check(talk.get(FORM_PAGE))
        page = talk.post(CONSENT, _FORM)
        _check(page)
        if not self._exchange.cookies.has(_COOKIE):
            self._exchange.put_cookie(_COOKIE, _token(page))


def _check(page: Page) -> None:
    refuse(page)
    if page.status == HTTPStatus.METHOD_NOT_ALLOWED:
        raise Throttled(page.retry_after)
    if page.status != HTTPStatus.OK:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def _token(page: Page) -> str:
    """The JSON string that the site's script keeps as a cookie."""
    try:
        token = json.loads(page.body)
    except (ValueError, RecursionError):
        token = None
    if not isinstance(token, str) or not (token.isascii() and token.isprintable()) or ";" in token:
        raise Unavailable(Reason.BAD_REPLY)
    return token
