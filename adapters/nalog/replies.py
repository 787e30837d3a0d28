"""What a reply of the tax service means (fns-protocol.md, 1 to 3), row by row.

Only a state or a code that says so is an answer. All else is later: `Throttled` where the service
says "too often", `Unavailable` where it says "not now" (PROVIDER_UNAVAILABLE) or nothing that makes
sense (BAD_REPLY).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from adapters.nalog import lenient
from adapters.nalog.exchange import Page
from adapters.nalog.forms import WIRE_NAMES
from adapters.nalog.lenient import Said
from function.outcomes import FieldError, Reason, Status
from function.pacing import Reply, Throttled
from function.ports import Invalid, Unavailable, Verdict

NAME = "nalog"
"""Of this provider, in answers, logs and metrics."""
MAX_REQUEST_ID = 1024
MAX_TEXT = 300
"""Characters of a text about a field that are handed on to the client."""

_CAPTCHA = frozenset({"captcha", "captchaToken"})
_STATES: Mapping[int | None, Status] = {0: Status.NOT_FOUND, 1: Status.FOUND, 3: Status.AMBIGUOUS}
_CODES = _STATES
_PENDING = -1
_UNKNOWN_ID = "идентификатор запроса"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a find is polled with. `captcha_ahead`: the next find will be asked for a captcha."""

    request_id: str = field(repr=False)
    captcha_ahead: bool = False


class Poll(Enum):
    """Why a get has to be made again."""

    PENDING = "pending"
    UNKNOWN_ID = "unknown_id"


def find_reply(page: Page) -> Ticket | Invalid:
    """What a find got. Raises Throttled, Unavailable."""
    said = _understood(page)
    if invalid := _invalid(page, said):
        return invalid
    _check_service(page, said, HTTPStatus.OK)
    request_id = lenient.text_of(said.get("requestId")).strip()
    captcha = lenient.is_true(said.get("captchaRequired"))
    if 0 < len(request_id) <= MAX_REQUEST_ID:
        return Ticket(request_id, captcha)
    if captcha:
        raise Throttled(page.retry_after)
    raise Unavailable(Reason.BAD_REPLY)


def get_reply(page: Page) -> Reply | Poll:
    """What a get got. Raises Throttled, Unavailable."""
    said = _understood(page)
    if _UNKNOWN_ID in lenient.text_of(said.get("ERROR")).casefold():
        return Poll.UNKNOWN_ID
    if invalid := _invalid(page, said):
        return Reply(invalid)
    _check_service(page, said, HTTPStatus.OK)
    if lenient.whole(said.get("state")) == _PENDING:
        return Poll.PENDING
    return _answer(page, said, "state", _STATES)


def legacy_reply(page: Page) -> Reply:
    """What the one step of the legacy protocol got. Raises Throttled, Unavailable."""
    said = _understood(page)
    if invalid := _invalid(page, said):
        return Reply(invalid)
    _check_service(page, said, HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    return _answer(page, said, "code", _CODES)


def refuse(page: Page) -> None:
    """Raise Throttled or Unavailable where the status alone says "later"; whatever the body is."""
    if page.status == HTTPStatus.TOO_MANY_REQUESTS or (page.retry_after and page.status != HTTPStatus.OK):
        raise Throttled(page.retry_after)
    if page.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)


def _understood(page: Page) -> Said:
    """The reply's object, where there is one and it is not about captchas or load."""
    said = lenient.said(page.body)
    if said is not None and not _CAPTCHA.isdisjoint(_errors(said)):
        raise Throttled(page.retry_after)
    refuse(page)
    if said is not None:
        return said
    if page.status == HTTPStatus.METHOD_NOT_ALLOWED or lenient.is_html(page.body):
        raise Throttled(page.retry_after)
    raise Unavailable(Reason.BAD_REPLY)


def _invalid(page: Page, said: Said) -> Invalid | None:
    """The person's fields that are wrong, if that is what the reply says."""
    status = lenient.whole(said.get("STATUS")) if page.status == HTTPStatus.OK else page.status
    if status != HTTPStatus.BAD_REQUEST:
        return None
    errors = [
        FieldError(WIRE_NAMES[name], _texts(texts)) for name, texts in _errors(said).items() if name in WIRE_NAMES
    ]
    # Errors in nothing but fields that no client knows are the fault of our form, not of this person.
    return Invalid(tuple(errors)) if errors else None


def _check_service(page: Page, said: Said, *answering: HTTPStatus) -> None:
    """Let nothing pass but a reply that holds an answer."""
    if said.get("ERROR") or said.get("ERRORS"):
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
    if page.status not in answering:
        raise Unavailable(Reason.BAD_REPLY)


def _answer(page: Page, said: Said, key: str, statuses: Mapping[int | None, Status]) -> Reply:
    number = said.get(key)
    captcha = lenient.is_true(said.get("captchaRequired"))
    if number is None and captcha:
        raise Throttled(page.retry_after)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise Unavailable(Reason.BAD_REPLY)
    status = statuses.get(lenient.whole(number))
    if status is None:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
    return Reply(Verdict(status, _inn(status, said), NAME), cool=captcha)


def _inn(status: Status, said: Said) -> str:
    number = lenient.valid_inn(said.get("inn"))
    # An INN of a person who is not found, or none of one who is: such a reply can't be believed.
    if bool(number) != (status is Status.FOUND):
        raise Unavailable(Reason.BAD_REPLY)
    return number


def _errors(said: Said) -> Mapping[str, Any]:
    errors = said.get("ERRORS")
    return errors if isinstance(errors, dict) else {}


def _texts(texts: object) -> str:
    several = texts if isinstance(texts, list) else [texts]
    tidy = " ".join(" ".join(lenient.text_of(text) for text in several).split())
    return tidy[:MAX_TEXT] or "is not accepted by the tax service"
