"""The emulated services' replies as bytes, and how a rule changes them. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from local_runtime.emulator.cases import HTML_TYPE, UNAVAILABLE
from local_runtime.emulator.settings import Body, Captcha, Rule

JSON_TYPE = "application/json;charset=UTF-8"
TEXT_TYPE = "text/plain;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One reply. `captcha`: it asks for one, now or at the next find."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    captcha: bool = False


def as_json(value: object, status: int = HTTPStatus.OK, *, captcha: bool = False) -> HttpReply:
    """A value as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return HttpReply(text.encode(), status, captcha=captcha)


def as_text(text: str, status: int = HTTPStatus.OK) -> HttpReply:
    """Plain text."""
    return HttpReply(text.encode(), status, TEXT_TYPE)


def as_html(text: str, status: int = HTTPStatus.OK, *, content: str = "") -> HttpReply:
    """A page with a title, and with `content` below it."""
    page = f"<!DOCTYPE html>\n<html><head><title>{text}</title></head><body><h1>{text}</h1>{content}</body></html>"
    return HttpReply(page.encode(), status, HTML_TYPE)


def redirect(location: str, status: int) -> HttpReply:
    """A redirect to another address."""
    return replace(as_html("Moved", status), headers={"location": location})


def error(text: str, status: int = HTTPStatus.BAD_REQUEST) -> HttpReply:
    """The service's own error."""
    return as_json({"ERROR": text, "STATUS": int(status)}, status)


def wrong_fields(errors: Mapping[str, list[str]], *, captcha: bool = False) -> HttpReply:
    """The service's refusal of a form, by field."""
    refused = {"ERROR": "-", "ERRORS": errors, "STATUS": 400}
    return as_json(refused, HTTPStatus.BAD_REQUEST, captcha=captcha)


def replacement(rule: Rule) -> HttpReply | None:
    """The rule's reply in place of the service's; None: the service replies."""
    if rule.raw is not None:
        return HttpReply(rule.raw.encode())
    if rule.error is not None:
        return error(rule.error, rule.status or HTTPStatus.BAD_REQUEST)
    if rule.errors is not None:
        return wrong_fields(rule.errors)
    if rule.redirect is not None:
        return redirect(rule.redirect, rule.status or HTTPStatus.TEMPORARY_REDIRECT)
    return _CAPTCHAS.get(rule.captcha or "with_id")


def apply_rule(reply: HttpReply, rule: Rule) -> HttpReply:
    """The reply with the rule's body, status and headers."""
    reply = replace(_BODIES[_body(rule)](reply), status=rule.status or reply.status)
    if rule.charset is not None:
        text = reply.body.decode(errors="replace").encode(rule.charset, "replace")
        kind = reply.content_type.partition(";")[0]
        reply = replace(reply, body=text, content_type=f"{kind};charset={rule.charset}")
    headers = dict(reply.headers)
    if rule.retry_after is not None:
        headers["retry-after"] = str(rule.retry_after)
    if not rule.set_cookie:
        headers.pop("set-cookie", None)
    return replace(reply, headers=headers, content_type=rule.content_type or reply.content_type)


def _body(rule: Rule) -> Body:
    if rule.body is not None:
        return rule.body
    # A status alone means an error page without the answer; only a 404 may contain the answer.
    replaced = any(given is not None for given in (rule.raw, rule.error, rule.errors, rule.redirect, rule.captcha))
    status = rule.status or HTTPStatus.OK
    return "html" if not replaced and status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_FOUND else "honest"


def _in_html(reply: HttpReply) -> HttpReply:
    page = b'<html><head></head><body><div id="result">%s</div></body></html>'
    return replace(reply, body=page % reply.body, content_type=HTML_TYPE)


_BODIES: dict[Body, Callable[[HttpReply], HttpReply]] = {
    "honest": lambda reply: reply,
    "empty": lambda reply: replace(reply, body=b""),
    "truncated": lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]),
    "in_html": _in_html,
    "html": lambda reply: replace(reply, body=as_html(UNAVAILABLE).body, content_type=HTML_TYPE),
    "garbage": lambda reply: replace(reply, body=bytes(range(256)) * 2),
    "nested": lambda reply: replace(reply, body=b"[" * 100_000 + b"]" * 100_000),
}

_CAPTCHA_TEXTS = ["Требуется ввести цифры с картинки"]
_CAPTCHAS: dict[Captcha, HttpReply] = {
    "required": as_json({"captchaRequired": True}, captcha=True),
    "field": wrong_fields({"captcha": _CAPTCHA_TEXTS}, captcha=True),
    "token_field": wrong_fields({"captchaToken": _CAPTCHA_TEXTS}, captcha=True),
}
"""The replies that replace the answer; `with_id` only adds to it."""
