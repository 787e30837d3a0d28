"""Replies that are no answer: captchas, load, wrong fields, errors of the service (fns-protocol.md, 3)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from adapters.providers.nalog import lenient
from adapters.providers.nalog.exchange import Page
from adapters.providers.nalog.forms import WIRE_NAMES
from adapters.providers.nalog.lenient import Said
from function.outcomes import FieldError, Reason
from function.ports import Invalid, Unavailable
from function.rate_limit import Throttled

MAX_TEXT = 300
"""Characters of a text about a field that are handed on to the client."""

_CAPTCHA = frozenset({"captcha", "captchaToken"})


class Stranger(Unavailable):
    """The service does not let us in, or sends us elsewhere: it may have ended our session."""


def refuse(page: Page) -> None:
    """Raise Throttled or Unavailable where the status alone says "later"; whatever the body is."""
    if page.status == HTTPStatus.TOO_MANY_REQUESTS or (page.retry_after and page.status != HTTPStatus.OK):
        raise Throttled(page.retry_after)
    if page.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def understood(page: Page) -> Said:
    """The reply's object, where there is one and it is not about captchas or load."""
    said = lenient.said(page.body)
    if said is not None and not _CAPTCHA.isdisjoint(_errors(said)):
        raise Throttled(page.retry_after)
    refuse(page)
    if said is not None:
        return said
    if page.status == HTTPStatus.METHOD_NOT_ALLOWED or lenient.is_html(page.body):
        raise Throttled(page.retry_after)
    raise _failure(page, Reason.BAD_REPLY)


def invalid_fields(page: Page, said: Said) -> Invalid | None:
    """The person's fields that are wrong, if that is what the reply says."""
    status = lenient.whole(said.get("STATUS")) if page.status == HTTPStatus.OK else page.status
    if status != HTTPStatus.BAD_REQUEST:
        return None
    errors = [
        FieldError(WIRE_NAMES[name], _texts(texts)) for name, texts in _errors(said).items() if name in WIRE_NAMES
    ]
    # Errors in nothing but fields that no client knows are the fault of our form, not of this person.
    return Invalid(tuple(errors)) if errors else None


def check_service(page: Page, said: Said, *answering: HTTPStatus) -> None:
    """Let nothing pass but a reply that holds an answer."""
    if said.get("ERROR") or said.get("ERRORS"):
        raise _failure(page, Reason.PROVIDER_UNAVAILABLE)
    if page.status not in answering:
        raise _failure(page, Reason.BAD_REPLY)


def _failure(page: Page, reason: Reason) -> Unavailable:
    redirected = HTTPStatus.MULTIPLE_CHOICES <= page.status < HTTPStatus.BAD_REQUEST
    strange = redirected or page.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    return Stranger(reason) if strange else Unavailable(reason)


def _errors(said: Said) -> Mapping[str, Any]:
    errors = said.get("ERRORS")
    return errors if isinstance(errors, dict) else {}


def _texts(texts: object) -> str:
    several = texts if isinstance(texts, list) else [texts]
    tidy = " ".join(" ".join(lenient.text_of(text) for text in several).split())
    return tidy[:MAX_TEXT] or "is not accepted by the tax service"
