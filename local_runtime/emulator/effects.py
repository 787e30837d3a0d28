"""What a rule makes of an answer. Pure: replies in, replies out."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from local_runtime.emulator import replies
from local_runtime.emulator.replies import Reply
from local_runtime.emulator.rules import Body, Captcha, Rule

_SORRY = replies.as_html("Сервис временно недоступен")
_PAGE = b'<html><head></head><body><div id="result">%s</div></body></html>'
_GARBAGE = bytes(range(256)) * 2
_NESTED = b"[" * 100_000 + b"]" * 100_000
_CAPTCHA_FIELDS = {Captcha.FIELD: "captcha", Captcha.TOKEN_FIELD: "captchaToken"}


def instead(rule: Rule) -> Reply | None:
    """What stands in for the answer, whatever it would be; None: nothing does."""
    if rule.raw is not None:
        return Reply(rule.raw.encode())
    if rule.error is not None:
        return replies.error(rule.error, rule.status or HTTPStatus.BAD_REQUEST)
    if rule.errors is not None:
        return replies.wrong_fields(rule.errors)
    if rule.redirect is not None:
        moved = rule.status or HTTPStatus.TEMPORARY_REDIRECT
        return replace(replies.as_html("Moved", moved), headers={"location": rule.redirect})
    return _captcha(rule.captcha)


def shaped(reply: Reply, rule: Rule) -> Reply:
    """The reply with the rule's body, status and headers."""
    status = rule.status or reply.status
    reply = replace(_BODIES[_body(rule)](reply), status=status)
    if rule.retry_after is not None:
        reply = replace(reply, headers={**reply.headers, "retry-after": str(rule.retry_after)})
    if rule.content_type is not None:
        reply = replace(reply, content_type=rule.content_type)
    return reply


def _captcha(kind: Captcha | None) -> Reply | None:
    if kind is None or kind is Captcha.WITH_ID:
        return None
    if kind is Captcha.REQUIRED:
        return replies.as_json({"captchaRequired": True}, captcha=True)
    return replies.wrong_fields({_CAPTCHA_FIELDS[kind]: [replies.CAPTCHA_TEXT]}, captcha=True)


def _body(rule: Rule) -> Body:
    if rule.body is not None:
        return rule.body
    # A bare status says "trouble": then nothing of the answer is let out, but for 404, which may hold it.
    told = rule.raw, rule.error, rule.errors, rule.redirect, rule.captcha
    bare = rule.status is not None and rule.status >= HTTPStatus.BAD_REQUEST and told == (None,) * len(told)
    return Body.HTML if bare and rule.status != HTTPStatus.NOT_FOUND else Body.HONEST


_BODIES: dict[Body, Callable[[Reply], Reply]] = {
    Body.HONEST: lambda reply: reply,
    Body.EMPTY: lambda reply: replace(reply, body=b""),
    Body.TRUNCATED: lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]),
    Body.IN_HTML: lambda reply: replace(reply, body=_PAGE % reply.body, content_type=replies.HTML_TYPE),
    Body.HTML: lambda reply: replace(reply, body=_SORRY.body, content_type=replies.HTML_TYPE),
    Body.GARBAGE: lambda reply: replace(reply, body=_GARBAGE),
    Body.NESTED: lambda reply: replace(reply, body=_NESTED),
}
