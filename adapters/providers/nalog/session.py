"""The session that the site's own page begins with, and the operator's consent in it.

Sources disagree whether it is needed; and to consent is a legal statement, so nothing here happens
unless the operator has switched it on. Cookies are kept and sent back in either case.
"""

import json
import threading
from concurrent.futures import Future
from http import HTTPStatus

from adapters.providers.nalog.conversation import Conversation
from adapters.providers.nalog.exchange import Exchange, Page
from adapters.providers.nalog.refusals import refuse
from adapters.providers.nalog.site import CONSENT, FORM_PAGE
from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import Throttled

_FORM = {"from": FORM_PAGE, "svc": "inn", "personalData": "1"}
_COOKIE = "upd_inn"

Opening = Future[Unavailable | None]
"""The opening of a session, under way or done: how it failed, None where it did not."""


class Session:
    """One session for all threads, opened by the first that needs it."""

    def __init__(self, exchange: Exchange, *, consent: bool) -> None:
        self._exchange = exchange
        self._consent = consent
        self._lock = threading.Lock()
        self._opening: Opening | None = None

    def open(self, talk: Conversation) -> Opening | None:
        """Open the page and consent, once; how that went stands for the session. Raises Throttled, Unavailable.

        Who has to wait for another's opening shares its failure; after a success it takes another turn,
        for its own has gone by, and all who waited would ask at once.
        """
        if not self._consent:
            return None
        with self._lock:
            opening, ours = self._opening or Opening(), self._opening is None
            self._opening = opening
        if ours:
            self._open(opening, talk)
        elif not opening.done():
            _await(opening, talk)
            talk.another_turn()
        return opening

    def forget(self, opening: Opening | None) -> None:
        """Begin anew with the next lookup: the service may have ended this session, for it turned us away.

        Who was turned away under an earlier one says nothing of the one that has taken its place.
        """
        with self._lock:
            if opening is self._opening:
                self._opening = None

    def _open(self, opening: Opening, talk: Conversation) -> None:
        failure: Unavailable | None = Unavailable(Reason.PROVIDER_UNAVAILABLE)
        try:
            self._begin(talk)
            failure = None
        except Throttled as no:
            failure = Throttled(no.retry_after)
            raise
        finally:
            if failure:
                self.forget(opening)
            opening.set_result(failure)

    def _begin(self, talk: Conversation) -> None:
        self._exchange.cookies.clear()
        _check(talk.get(FORM_PAGE))
        page = talk.post(CONSENT, _FORM)
        _check(page)
        if not self._exchange.cookies.has(_COOKIE):
            self._exchange.put_cookie(_COOKIE, _token(page))


def _await(opening: Opening, talk: Conversation) -> None:
    try:
        failure = opening.result(max(talk.left(), 0))
    except TimeoutError:
        failure = Unavailable(Reason.PROVIDER_UNAVAILABLE)
    # Each thread raises its own.
    if isinstance(failure, Throttled):
        raise Throttled(failure.retry_after)
    if failure:
        raise Unavailable(failure.reason)


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
