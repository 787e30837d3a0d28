"""What a reply of the tax service means (fns-protocol.md, 1 to 3), row by row.

Only a state or a code that says so is an answer. All else is later: `Throttled` where the service
says "too often", `Unavailable` where it says "not now" (PROVIDER_UNAVAILABLE) or nothing that makes
sense (BAD_REPLY).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from adapters.providers.http_client import SiteReply
from adapters.providers.nalog import parsing
from adapters.providers.nalog.forms import WIRE_NAMES
from adapters.providers.nalog.parsing import JsonObject
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import ProviderReply, Throttled

NAME = "nalog"
"""Of this provider, in answers, logs and metrics."""
MAX_REQUEST_ID = 1024
MAX_TEXT = 300
"""Characters of a text about a field that are handed on to the client."""

# A state of the two-step protocol and a code of the legacy one mean the same.
_STATUSES: Mapping[int | None, Status] = {0: Status.NOT_FOUND, 1: Status.FOUND, 3: Status.AMBIGUOUS}
_PENDING = -1
_UNKNOWN_ID = "идентификатор запроса"
_MAINTENANCE = "технических работ"
_CAPTCHA = frozenset({"captcha", "captchaToken"})
_NOT_LET_IN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class CaptchaRequired(Throttled):
    """The service wants a captcha."""


class SessionRefused(Unavailable):
    """The service sends us elsewhere, or does not let us in: it may want consent, or have ended our session.

    `otherwise`: what it means if the session is not at fault.
    """

    def __init__(self, otherwise: Unavailable) -> None:
        super().__init__(otherwise.reason, otherwise.retry_after)
        self.otherwise = otherwise


class NoResult(Unavailable):
    """A poll's reply that is final, and no answer: another poll would get the same."""


class UnknownRequestId(Unavailable):
    """The service does not know its own requestId, or not yet."""


def find_reply(reply: SiteReply) -> tuple[str, bool] | Invalid:
    """The requestId that a find got, and whether the next one will be asked for a captcha.

    Raises SessionRefused, Throttled, Unavailable.
    """
    if not reply.body.strip() and reply.status == HTTPStatus.OK:
        # How the service throttles an address that asks in volume.
        raise Throttled(reply.retry_after)
    decoded = _decoded(reply)
    if invalid := _invalid_fields(reply, decoded):
        return invalid
    _check_service(reply, decoded, HTTPStatus.OK)
    request_id = parsing.text_of(decoded.get("requestId")).strip()
    captcha = parsing.is_true(decoded.get("captchaRequired"))
    if 0 < len(request_id) <= MAX_REQUEST_ID:
        return request_id, captcha
    if captcha:
        raise CaptchaRequired(reply.retry_after)
    raise Unavailable(Reason.BAD_REPLY)


def get_reply(reply: SiteReply) -> ProviderReply | None:
    """What a get got; None: it is pending. Raises NoResult where that is final; else as above, or UnknownRequestId."""
    decoded = _decoded(reply)
    if _UNKNOWN_ID in parsing.text_of(decoded.get("ERROR")).casefold():
        raise UnknownRequestId(Reason.PROVIDER_UNAVAILABLE)
    if invalid := _invalid_fields(reply, decoded):
        return ProviderReply(invalid)
    _check_service(reply, decoded, HTTPStatus.OK)
    if parsing.integer(decoded.get("state")) == _PENDING:
        return None
    return _answer(reply, decoded, "state")


def legacy_reply(reply: SiteReply) -> ProviderReply:
    """What the one step of the legacy protocol got. Raises SessionRefused, Throttled, Unavailable."""
    decoded = _decoded(reply)
    if invalid := _invalid_fields(reply, decoded):
        return ProviderReply(invalid)
    _check_service(reply, decoded, HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    return _answer(reply, decoded, "code")


def check_status(reply: SiteReply) -> None:
    """Let a reply pass whose status alone does not say "later"; whatever its body is. Raises Throttled, Unavailable."""
    throttled = reply.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.METHOD_NOT_ALLOWED)
    if throttled or (reply.retry_after and reply.status != HTTPStatus.OK):
        raise Throttled(reply.retry_after)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def is_redirect(reply: SiteReply) -> bool:
    """Whether it sends us elsewhere."""
    return HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST


def is_maintenance(reply: SiteReply) -> bool:
    """Whether it is the page that the site shows, with status 200, while it is under maintenance."""
    return parsing.is_html(reply.text) and _MAINTENANCE in reply.text.casefold()


def _decoded(reply: SiteReply) -> JsonObject:
    """The reply's object, where there is one and it is not about captchas, load or the session."""
    text = reply.text
    decoded = parsing.json_object(text)
    if decoded is not None and not _CAPTCHA.isdisjoint(_errors(decoded)):
        raise CaptchaRequired(reply.retry_after)
    check_status(reply)
    if is_redirect(reply):
        raise SessionRefused(Unavailable(Reason.PROVIDER_UNAVAILABLE))
    failure = Unavailable(Reason.BAD_REPLY)
    if decoded is None and parsing.is_html(text):
        # Under maintenance, switched off, or a page for people in place of a captcha.
        failure = Throttled(reply.retry_after)
    elif decoded is not None and _is_error(decoded):
        failure = Unavailable(Reason.PROVIDER_UNAVAILABLE)
    if reply.status in _NOT_LET_IN:
        raise SessionRefused(failure)
    if decoded is None:
        raise failure
    return decoded


def _invalid_fields(reply: SiteReply, decoded: JsonObject) -> Invalid | None:
    """The person's fields that are wrong, if that is what the reply says."""
    status = parsing.integer(decoded.get("STATUS")) if reply.status == HTTPStatus.OK else reply.status
    if status != HTTPStatus.BAD_REQUEST:
        return None
    errors = [
        FieldError(WIRE_NAMES[name], _texts(texts)) for name, texts in _errors(decoded).items() if name in WIRE_NAMES
    ]
    # Errors in nothing but fields that no client knows are the fault of our form, not of this person.
    return Invalid(tuple(errors)) if errors else None


def _check_service(reply: SiteReply, decoded: JsonObject, *answering: HTTPStatus) -> None:
    """Let nothing pass but a reply that holds an answer."""
    if _is_error(decoded):
        # With status 200 it is what the service has worked out.
        raise (NoResult if reply.status == HTTPStatus.OK else Unavailable)(Reason.PROVIDER_UNAVAILABLE)
    if reply.status not in answering:
        raise Unavailable(Reason.BAD_REPLY)


def _answer(reply: SiteReply, decoded: JsonObject, key: str) -> ProviderReply:
    number = decoded.get(key)
    captcha = parsing.is_true(decoded.get("captchaRequired"))
    if number is None and captcha:
        raise CaptchaRequired(reply.retry_after)
    whole = parsing.integer(number)
    if whole is None and not isinstance(number, float):
        raise Unavailable(Reason.BAD_REPLY)
    status = _STATUSES.get(whole)
    if status is None:
        raise NoResult(Reason.PROVIDER_UNAVAILABLE)
    return ProviderReply(Verdict(status, _inn(status, decoded), NAME), captcha_ahead=captcha)


def _inn(status: Status, decoded: JsonObject) -> str:
    number = parsing.valid_inn(decoded.get("inn"))
    # An INN of a person who is not found, or none of one who is: such a reply can't be believed.
    if bool(number) != (status is Status.FOUND):
        raise NoResult(Reason.BAD_REPLY)
    return number


def _is_error(decoded: JsonObject) -> bool:
    return bool(decoded.get("ERROR") or decoded.get("ERRORS"))


def _errors(decoded: JsonObject) -> Mapping[str, Any]:
    errors = decoded.get("ERRORS")
    return errors if isinstance(errors, dict) else {}


def _texts(texts: object) -> str:
    several = texts if isinstance(texts, list) else [texts]
    tidy = " ".join(" ".join(parsing.text_of(text) for text in several).split())
    return tidy[:MAX_TEXT] or "is not accepted by the tax service"
