"""A rule selects requests and changes their replies. `README.md` explains each field."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from local_runtime.emulator import http_replies
from local_runtime.emulator.http_replies import HTML_TYPE, Connection, HttpReply
from local_runtime.emulator.register import keys_by_id
from local_runtime.emulator.scenarios import CASES, UNAVAILABLE
from local_runtime.emulator.stats import Step

Seconds = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Captcha = Literal["required", "with_id", "field", "token_field"]
Consent = Literal["free", "page", "required", "strict"]
Body = Literal["honest", "empty", "truncated", "in_html", "html", "garbage"]

TAX_STEPS = frozenset({Step.FIND, Step.GET, Step.LEGACY})
_SEARCH = frozenset({Step.FIND, Step.LEGACY})
STEPS_OF: dict[str, frozenset[Step]] = {
    **{step.value: frozenset({step}) for step in Step},
    "search": _SEARCH,
    "tax": TAX_STEPS,
    "site": TAX_STEPS | {Step.PAGE, Step.CONSENT_PAGE, Step.CONSENT},
    "any": frozenset(Step),
}
"""The steps of each value of a rule's `on`."""

_ONLY_ON: dict[str, frozenset[Step]] = {
    "pending": TAX_STEPS,
    "pending_sec": frozenset({Step.FIND}),
    "forgotten": frozenset({Step.FIND}),
    "poll": frozenset({Step.GET}),
    "state": frozenset({Step.GET}),
    "code": frozenset({Step.LEGACY}),
    "captcha": _SEARCH,
    "errors": _SEARCH,
    "extra": TAX_STEPS,
    "inn": frozenset({Step.GET, Step.LEGACY, Step.APIFNS}),
    "person": TAX_STEPS | {Step.APIFNS},
    "consent": STEPS_OF["site"],
    "forget_cookies": STEPS_OF["site"],
}
_REPLACEMENTS = ("captcha", "error", "errors", "raw", "redirect")


class StrictModel(BaseModel):
    """Refuses unknown fields and values of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rule(StrictModel):
    """Selects requests, and changes their replies."""

    case: str | None = None
    on: str | list[str] = "any"
    person: str | None = None
    poll: Annotated[int, Field(ge=1)] | None = None
    after: Count = 0
    times: Annotated[int, Field(ge=1)] | None = None

    delay: Seconds = 0
    pending: Count | None = None
    pending_sec: Seconds | None = None
    forgotten: bool = False
    state: float | None = None
    code: int | None = None
    inn: str | None = None
    extra: dict[str, JsonValue] | None = None
    captcha: Captcha | None = None
    consent: Consent | None = None
    forget_cookies: bool = False
    set_cookie: bool = True
    error: str | None = None
    errors: dict[str, list[str]] | None = None
    raw: str | None = None
    redirect: str | None = None
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    retry_after: int | str | None = None
    body: Body | None = None
    content_type: str | None = None
    charset: Literal["windows-1251"] | None = None
    connection: Connection | None = None

    @property
    def applies_to(self) -> frozenset[Step]:
        """The kinds of requests that `on` names."""
        names = [self.on] if isinstance(self.on, str) else self.on
        return frozenset[Step]().union(*(STEPS_OF[name] for name in names))

    @property
    def replacements(self) -> list[str]:
        """The fields that replace the answer."""
        return [field for field in _REPLACEMENTS if getattr(self, field) is not None]

    @model_validator(mode="before")
    @classmethod
    def _from_case(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("case") is None:
            return value
        if value["case"] not in CASES:
            raise ValueError(f"case must be one of {', '.join(CASES)}")
        return {**CASES[value["case"]], **value}

    @field_validator("on")
    @classmethod
    def _known_steps(cls, value: str | list[str]) -> str | list[str]:
        if not ({value} if isinstance(value, str) else set(value)) <= STEPS_OF.keys():
            raise ValueError(f"must be one of {', '.join(STEPS_OF)}, or a list of these")
        return value

    @field_validator("person")
    @classmethod
    def _key(cls, value: str | None) -> str | None:
        return value if value is None else keys_by_id().get(value, value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for field, steps in _ONLY_ON.items():
            if getattr(self, field) not in (None, False) and not self.applies_to <= steps:
                raise ValueError(f"{field} goes with on = {', '.join(sorted(steps))} only")
        if self.pending is not None and Step.FIND not in self.applies_to:
            raise ValueError("pending needs find among the steps of on")
        if len(self.replacements) > 1:
            raise ValueError(f"only one of {', '.join(self.replacements)} can replace the answer")
        return self


NO_RULE = Rule()  # changes nothing


def replacement(rule: Rule) -> HttpReply | None:
    """The rule's reply in place of the service's; None: the service replies."""
    if rule.raw is not None:
        return HttpReply(rule.raw.encode())
    if rule.error is not None:
        return http_replies.error(rule.error, rule.status or HTTPStatus.BAD_REQUEST)
    if rule.errors is not None:
        return http_replies.wrong_fields(rule.errors)
    if rule.redirect is not None:
        return http_replies.redirect(rule.redirect, rule.status or HTTPStatus.TEMPORARY_REDIRECT)
    return _CAPTCHAS.get(rule.captcha or "with_id")


def apply_rule(reply: HttpReply, rule: Rule) -> HttpReply:
    """The reply with the rule's body, status, headers and way of sending."""
    reply = replace(_BODIES[_body(rule)](reply), status=rule.status or reply.status, connection=rule.connection)
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
    status = rule.status or HTTPStatus.OK
    return (
        "html"
        if not rule.replacements and status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_FOUND
        else "honest"
    )


def _in_html(reply: HttpReply) -> HttpReply:
    page = b'<html><head></head><body><div id="result">%s</div></body></html>'
    return replace(reply, body=page % reply.body, content_type=HTML_TYPE)


_BODIES: dict[Body, Callable[[HttpReply], HttpReply]] = {
    "honest": lambda reply: reply,
    "empty": lambda reply: replace(reply, body=b""),
    "truncated": lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]),
    "in_html": _in_html,
    "html": lambda reply: replace(reply, body=http_replies.as_html(UNAVAILABLE).body, content_type=HTML_TYPE),
    "garbage": lambda reply: replace(reply, body=bytes(range(256)) * 2),
}

_CAPTCHA_TEXTS = ["Требуется ввести цифры с картинки"]
_CAPTCHAS: dict[Captcha, HttpReply] = {
    "required": http_replies.as_json({"captchaRequired": True}, captcha=True),
    "field": http_replies.wrong_fields({"captcha": _CAPTCHA_TEXTS}, captcha=True),
    "token_field": http_replies.wrong_fields({"captchaToken": _CAPTCHA_TEXTS}, captcha=True),
}
"""The replies that replace the answer; `with_id` only adds to it."""
