"""The site's session and consent pages, and the check of their cookies (fns-protocol.md, 1)."""

import secrets
from dataclasses import replace
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from local_runtime.emulator import replies
from local_runtime.emulator.replies import HttpReply
from local_runtime.emulator.settings import Consent
from local_runtime.emulator.tax_service import Call

MAX_COOKIES = 10_000
SESSION_COOKIE = "JSESSIONID"
CONSENT_COOKIE = "upd_inn"
CONSENT_PAGE = "/static/personal-data.html?svc=inn&from=%2Finn.do"
CONSENT_FORM = {"from": "/inn.do", "svc": "inn", "personalData": "1"}

_FORM_HTML = '<form id="frmInn" name="frmInn" method="post" action="inn-new-proc.do"><input name="fam"></form>'
_CONSENT_HTML = (
    '<form method="post" action="/static/personal-data-proc.json">'
    '<input type="hidden" name="from" value="/inn.do"><input type="hidden" name="svc" value="inn">'
    '<input type="checkbox" name="personalData" value="1"></form>'
)


class Sessions:
    """Issues session and consent cookies, and refuses calls without them."""

    def __init__(self) -> None:
        self._sessions: dict[str, None] = {}
        self._consents: dict[str, None] = {}

    def clear(self) -> None:
        """Delete all cookies."""
        self._sessions.clear()
        self._consents.clear()

    def page(self, call: Call) -> HttpReply:
        """Answer `/inn.do`: the form, or a redirect to the consent page. Starts a session."""
        cookies = _cookies(call)
        reply = replies.redirect(CONSENT_PAGE, HTTPStatus.FOUND)
        if _consent(call) == "free" or cookies.get(CONSENT_COOKIE) in self._consents:
            reply = replies.as_html("Узнать ИНН", content=_FORM_HTML)
        if cookies.get(SESSION_COOKIE) in self._sessions:
            return reply
        return _with_cookie(reply, SESSION_COOKIE, _issue(self._sessions, 16))

    def consent_page(self, call: Call) -> HttpReply:
        """Answer the page that asks for consent."""
        return replies.as_html("Согласие на обработку персональных данных", content=_CONSENT_HTML)

    def consent(self, call: Call) -> HttpReply:
        """Answer the consent: its token as a JSON string and as a cookie."""
        if {**CONSENT_FORM, **call.form} != CONSENT_FORM or not CONSENT_FORM.keys() <= call.form.keys():
            return replies.error("Согласие не получено")
        if _consent(call) == "strict":
            if _cookies(call).get(SESSION_COOKIE) not in self._sessions:
                return replies.error("Сессия не найдена", HTTPStatus.FORBIDDEN)
            if not _header(call, b"referer").endswith(CONSENT_PAGE):
                return replies.error("Неверный источник запроса", HTTPStatus.FORBIDDEN)
        token = _issue(self._consents, 64)
        return _with_cookie(replies.as_json(token), CONSENT_COOKIE, token)

    def refusal(self, call: Call) -> HttpReply | None:
        """The refusal of a call without the required cookies; None: it has them."""
        if call.rule.forget_cookies:
            self.clear()
        consent = _consent(call) in ("required", "strict")
        if not consent and call.settings.session == "free":
            return None
        cookies = _cookies(call)
        if call.settings.session == "required" and cookies.get(SESSION_COOKIE) not in self._sessions:
            return replies.error("Сессия не найдена", HTTPStatus.FORBIDDEN)
        if consent and cookies.get(CONSENT_COOKIE) not in self._consents:
            return replies.error("Нет согласия на обработку персональных данных", HTTPStatus.FORBIDDEN)
        return None


def _consent(call: Call) -> Consent:
    return call.rule.consent or call.settings.consent


def _issue(issued: dict[str, None], size: int) -> str:
    if len(issued) >= MAX_COOKIES:
        del issued[next(iter(issued))]
    value = secrets.token_hex(size).upper()
    issued[value] = None
    return value


def _with_cookie(reply: HttpReply, name: str, value: str) -> HttpReply:
    return replace(reply, headers={**reply.headers, "set-cookie": f"{name}={value}; Path=/; HttpOnly"})


def _header(call: Call, wanted: bytes) -> str:
    return "; ".join(value.decode("latin-1") for name, value in call.headers if name == wanted)


def _cookies(call: Call) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(_header(call, b"cookie")).items()}
    except CookieError:
        return {}
