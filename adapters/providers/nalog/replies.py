"""Parses the replies of the tax service (fns-protocol.md, 1 to 3).

Only a known state or code is an answer. Anything else raises: `Throttled` for "too often", `Unavailable` for
"not now" (PROVIDER_UNAVAILABLE) or for a reply that cannot be parsed (BAD_REPLY).
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from adapters.providers.http_client import SiteReply
from function import inn
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, ProviderReply, Throttled, Unavailable, Verdict

NAME = "nalog"  # the provider's name in answers, logs and metrics
MAX_REQUEST_ID = 1024
MAX_TEXT = 300  # characters of an error text about a field that the client gets

# The client's name of each field of the form, where series and number are one field.
_WIRE_NAMES = {
    "fam": "lastName",
    "nam": "firstName",
    "otch": "middleName",
    "opt_otch": "middleName",
    "bdate": "birthDate",
    "bplace": "birthPlace",
    "doctype": "documentType",
    "docno": "documentNumber",
    "docdt": "documentDate",
}
# A state of the two-step protocol and a code of the legacy one mean the same.
_STATUSES: Mapping[int | None, Status] = {0: Status.NOT_FOUND, 1: Status.FOUND, 3: Status.AMBIGUOUS}
_PENDING = -1
_UNKNOWN_ID = "идентификатор запроса"
_MAINTENANCE = "технических работ"
_CAPTCHA = frozenset({"captcha", "captchaToken"})
_NOT_LET_IN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Surrogates, which JSON can contain and UTF-8 cannot, and the replacement character.
_BROKEN = re.compile("[\ud800-\udfff\ufffd]")
_NUMBER = re.compile(r"-?[0-9]{1,3}(\.0+)?")
# The keys of the service's replies: an object without any of them is not one of them.
_KNOWN = frozenset({"requestId", "captchaRequired", "state", "inn", "code", "ERROR", "ERRORS", "STATUS"})


JsonObject = Mapping[str, Any]


class CaptchaRequired(Throttled):
    """The service wants a captcha."""


class SessionRefused(Unavailable):
    """The service redirects or denies access: it may want consent, or have ended the session.

    `fallback_error`: to raise if the session is not the cause.
    """

    def __init__(self, fallback_error: Unavailable) -> None:
        super().__init__(fallback_error.reason, fallback_error.retry_after)
        self.fallback_error = fallback_error


class NoResult(Unavailable):
    """A poll's final reply without an answer: another poll would get the same."""


class UnknownRequestId(Unavailable):
    """The service does not know the requestId, or not yet."""


def parse_find_reply(reply: SiteReply) -> tuple[str, bool] | Invalid:
    """Parse the reply to a find: its requestId, and whether the next find needs a captcha.

    Raises SessionRefused, Throttled, Unavailable.
    """
    if not reply.body.strip() and reply.status == HTTPStatus.OK:
        # The service throttles an address with many requests like this.
        raise Throttled(reply.retry_after)
    decoded = _decode(reply)
    if invalid := _invalid_fields(reply, decoded, HTTPStatus.OK):
        return invalid
    request_id = _text_of(decoded.get("requestId")).strip()
    captcha = _is_true(decoded.get("captchaRequired"))
    if 0 < len(request_id) <= MAX_REQUEST_ID:
        return request_id, captcha
    if captcha:
        raise CaptchaRequired(reply.retry_after)
    raise Unavailable(Reason.BAD_REPLY)


def parse_get_reply(reply: SiteReply) -> ProviderReply | None:
    """Parse the reply to a get; None: it is pending. Raises NoResult, UnknownRequestId, or as `parse_find_reply`."""
    decoded = _decode(reply)
    if _UNKNOWN_ID in _text_of(decoded.get("ERROR")).casefold():
        raise UnknownRequestId(Reason.PROVIDER_UNAVAILABLE)
    if _integer(decoded.get("state")) == _PENDING and not _invalid_fields(reply, decoded, HTTPStatus.OK):
        return None
    return _answer(reply, decoded, "state", HTTPStatus.OK)


def legacy_reply(reply: SiteReply) -> ProviderReply:
    """Parse a reply of the legacy protocol. Raises SessionRefused, Throttled, Unavailable."""
    return _answer(reply, _decode(reply), "code", HTTPStatus.OK, HTTPStatus.NOT_FOUND)


def check_status(reply: SiteReply) -> None:
    """Raise Throttled or Unavailable if the status alone, whatever the body, is one of these."""
    throttled = reply.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.METHOD_NOT_ALLOWED)
    if throttled or (reply.status != HTTPStatus.OK and reply.retry_after):
        raise Throttled(reply.retry_after)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def is_redirect(reply: SiteReply) -> bool:
    """Whether the reply is a redirect."""
    return HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST


def is_maintenance(reply: SiteReply) -> bool:
    """Whether it is the maintenance page, which has status 200."""
    return _is_html(reply.text) and _MAINTENANCE in reply.text.casefold()


def _decode(reply: SiteReply) -> JsonObject:
    """The reply's JSON object. Raises for a reply about a captcha, load or the session, and for any other text."""
    text = reply.text
    decoded = _json_object(text)
    if decoded is not None and not _CAPTCHA.isdisjoint(_errors(decoded)):
        raise CaptchaRequired(reply.retry_after)
    check_status(reply)
    if is_redirect(reply):
        raise SessionRefused(Unavailable(Reason.PROVIDER_UNAVAILABLE))
    failure = Unavailable(Reason.BAD_REPLY)
    if decoded is None and _is_html(text):
        # Under maintenance, switched off, or an HTML page instead of a captcha.
        failure = Throttled(reply.retry_after)
    elif decoded is not None and (decoded.get("ERROR") or decoded.get("ERRORS")):
        failure = Unavailable(Reason.PROVIDER_UNAVAILABLE)
    if reply.status in _NOT_LET_IN:
        raise SessionRefused(failure)
    if decoded is None:
        raise failure
    return decoded


def _invalid_fields(reply: SiteReply, decoded: JsonObject, *answering: HTTPStatus) -> Invalid | None:
    """The person's wrong fields in an error reply; None: the reply is no error. Raises Unavailable."""
    is_error = bool(decoded.get("ERROR") or decoded.get("ERRORS"))
    if reply.status in answering and not is_error:
        return None
    status = _integer(decoded.get("STATUS")) if reply.status == HTTPStatus.OK else reply.status
    if status == HTTPStatus.BAD_REQUEST:
        errors = [
            FieldError(_WIRE_NAMES[name], _texts(texts))
            for name, texts in _errors(decoded).items()
            if name in _WIRE_NAMES
        ]
        # Errors only in fields that the client does not send are a bug of ours, not of the person's data.
        if errors:
            return Invalid(tuple(errors))
    if is_error and reply.status == HTTPStatus.OK:
        # It is the final result of the service.
        raise NoResult(Reason.PROVIDER_UNAVAILABLE)
    raise Unavailable(Reason.PROVIDER_UNAVAILABLE if is_error else Reason.BAD_REPLY)


def _answer(reply: SiteReply, decoded: JsonObject, key: str, *answering: HTTPStatus) -> ProviderReply:
    if invalid := _invalid_fields(reply, decoded, *answering):
        return ProviderReply(invalid)
    number = decoded.get(key)
    captcha = _is_true(decoded.get("captchaRequired"))
    if number is None and captcha:
        raise CaptchaRequired(reply.retry_after)
    whole = _integer(number)
    if whole is None and not isinstance(number, float):
        raise Unavailable(Reason.BAD_REPLY)
    status = _STATUSES.get(whole)
    if status is None:
        raise NoResult(Reason.PROVIDER_UNAVAILABLE)
    inn_found = _valid_inn(decoded.get("inn"))
    # An INN with "not found", or "found" without one: the reply contradicts itself.
    if bool(inn_found) != (status is Status.FOUND):
        raise NoResult(Reason.BAD_REPLY)
    return ProviderReply(Verdict(status, inn_found, NAME), captcha_ahead=captcha)


def _errors(decoded: JsonObject) -> Mapping[str, Any]:
    errors = decoded.get("ERRORS")
    return errors if isinstance(errors, dict) else {}


def _texts(texts: object) -> str:
    several = texts if isinstance(texts, list) else [texts]
    tidy = " ".join(" ".join(_text_of(text) for text in several).split())
    return tidy[:MAX_TEXT] or "is not accepted by the tax service"


def _json_object(text: str) -> JsonObject | None:
    """The JSON object of a text, or of an HTML page between the first brace and the last; None without one."""
    text = text[text.find("{") : text.rfind("}") + 1] if _is_html(text) else text.strip()
    try:
        decoded = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) and not _KNOWN.isdisjoint(decoded) else None


def _is_html(text: str) -> bool:
    return text.lstrip().startswith("<")


def _integer(value: object) -> int | None:
    """The integer of 1, 1.0 or "1"; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(float(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None


def _is_true(value: object) -> bool:
    """Whether the value is true, "true" or 1."""
    return bool(value) and (value is True or value == "true" or _integer(value) == 1)


def _valid_inn(value: object) -> str:
    """A person's INN with a valid checksum, or "". A number gets its leading zeros back."""
    number = _integer(value)
    text = str(number).zfill(inn.LENGTH) if number is not None else value
    return text if isinstance(text, str) and inn.is_valid(text) else ""


def _text_of(value: object) -> str:
    """The text, or "" if it is none or has broken characters."""
    return value if isinstance(value, str) and not _BROKEN.search(value) else ""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a key occurs twice")
    return decoded
