"""The site's session and its consent step (fns-protocol.md, 1): cookies that may or may not be demanded."""

import secrets
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from local_runtime.emulator import replies
from local_runtime.emulator.call import Call, Headers
from local_runtime.emulator.replies import Reply

KEPT = 10_000
SESSION_COOKIE = "JSESSIONID"
CONSENT_COOKIE = "upd_inn"
CONSENT_FORM = {"from": "/inn.do", "svc": "inn", "personalData": "1"}


class Sessions:
    """The cookies that were handed out."""

    def __init__(self) -> None:
        self._sessions: dict[str, None] = {}
        self._consents: dict[str, None] = {}

    def clear(self) -> None:
        """Forget them all."""
        self._sessions.clear()
        self._consents.clear()

    def page(self, _call: Call) -> Reply:
        """Answer with the site's page: it begins a session."""
        cookie = _handed_out(self._sessions, 16)
        html = replies.as_html("Узнать ИНН")
        return Reply(html.body, html.status, html.content_type, {"set-cookie": _cookie(SESSION_COOKIE, cookie)})

    def consent(self, call: Call) -> Reply:
        """Answer the consent: its token as a JSON string and as a cookie."""
        if {**CONSENT_FORM, **call.form} != CONSENT_FORM or not CONSENT_FORM.keys() <= call.form.keys():
            return replies.error("Согласие не получено")
        cookie = _handed_out(self._consents, 64)
        reply = replies.as_json(cookie)
        return Reply(reply.body, reply.status, reply.content_type, {"set-cookie": _cookie(CONSENT_COOKIE, cookie)})

    def refusal(self, call: Call) -> Reply | None:
        """What is said to a call without the cookies that the settings demand; None: it has them."""
        settings = call.settings
        if settings.session == "free" and settings.consent == "free":
            return None
        cookies = _cookies(call.headers)
        if settings.session == "required" and cookies.get(SESSION_COOKIE) not in self._sessions:
            return replies.error("Сессия не найдена", HTTPStatus.FORBIDDEN)
        if settings.consent == "required" and cookies.get(CONSENT_COOKIE) not in self._consents:
            return replies.error("Нет согласия на обработку персональных данных", HTTPStatus.FORBIDDEN)
        return None


def _handed_out(known: dict[str, None], size: int) -> str:
    if len(known) >= KEPT:
        del known[next(iter(known))]
    value = secrets.token_hex(size).upper()
    known[value] = None
    return value


def _cookie(name: str, value: str) -> str:
    return f"{name}={value}; Path=/; HttpOnly"


def _cookies(headers: Headers) -> dict[str, str]:
    lines = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(lines).items()}
    except CookieError:
        return {}
