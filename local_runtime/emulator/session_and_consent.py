"""The site's session and consent pages, and the check of their cookies (fns-protocol.md, 1)."""

from dataclasses import replace
from http import HTTPStatus

from local_runtime.emulator import http_replies
from local_runtime.emulator.fault_rules import Consent
from local_runtime.emulator.http_replies import HttpReply
from local_runtime.emulator.state import Call, issue

SESSION_COOKIE = "JSESSIONID"
CONSENT_COOKIE = "upd_inn"
CONSENT_PAGE = "/static/personal-data.html?svc=inn&from=%2Finn.do"
CONSENT_FORM = {"from": "/inn.do", "svc": "inn", "personalData": "1"}

_FORM_HTML = '<form id="frmInn" name="frmInn" method="post" action="inn-new-proc.do"><input name="fam"></form>'
CONSENT_FORM_PAGE = http_replies.as_html(
    "Согласие на обработку персональных данных",
    content='<form method="post" action="/static/personal-data-proc.json">'
    '<input type="hidden" name="from" value="/inn.do"><input type="hidden" name="svc" value="inn">'
    '<input type="checkbox" name="personalData" value="1"></form>',
)


def page(call: Call) -> HttpReply:
    """Answer `/inn.do`: the form, or a redirect to the consent page. Starts a session."""
    cookies = call.request.cookies
    reply = http_replies.redirect(CONSENT_PAGE, HTTPStatus.FOUND)
    if _consent(call) == "free" or cookies.get(CONSENT_COOKIE) in call.state.consents:
        reply = http_replies.as_html("Узнать ИНН", content=_FORM_HTML)
    if cookies.get(SESSION_COOKIE) in call.state.sessions:
        return reply
    return _with_cookie(reply, SESSION_COOKIE, issue(call.state.sessions, None, 16))


def consent(call: Call) -> HttpReply:
    """Answer the consent: its token as a JSON string and as a cookie."""
    if call.form != CONSENT_FORM:
        return http_replies.error("Согласие не получено")
    if _consent(call) == "strict":
        if call.request.cookies.get(SESSION_COOKIE) not in call.state.sessions:
            return http_replies.error("Сессия не найдена", HTTPStatus.FORBIDDEN)
        if not call.request.headers.get("referer", "").endswith(CONSENT_PAGE):
            return http_replies.error("Неверный источник запроса", HTTPStatus.FORBIDDEN)
    token = issue(call.state.consents, None, 64)
    return _with_cookie(http_replies.as_json(token), CONSENT_COOKIE, token)


def refusal(call: Call) -> HttpReply | None:
    """The refusal of a call without the required cookies; None: it has them."""
    if call.rule.forget_cookies:
        call.state.forget_cookies()
    consent = _consent(call) in ("required", "strict")
    if not consent and call.settings.session == "free":
        return None
    cookies = call.request.cookies
    if call.settings.session == "required" and cookies.get(SESSION_COOKIE) not in call.state.sessions:
        return http_replies.error("Сессия не найдена", HTTPStatus.FORBIDDEN)
    if consent and cookies.get(CONSENT_COOKIE) not in call.state.consents:
        return http_replies.error("Нет согласия на обработку персональных данных", HTTPStatus.FORBIDDEN)
    return None


def _consent(call: Call) -> Consent:
    return call.rule.consent or call.settings.consent


def _with_cookie(reply: HttpReply, name: str, value: str) -> HttpReply:
    return replace(reply, headers={**reply.headers, "set-cookie": f"{name}={value}; Path=/; HttpOnly"})
