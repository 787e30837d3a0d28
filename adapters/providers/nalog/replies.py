"""What a reply of the tax service means (fns-protocol.md, 1 to 3), row by row.

Only a state or a code that says so is an answer. All else is later: `Throttled` where the service
says "too often", `Unavailable` where it says "not now" (PROVIDER_UNAVAILABLE) or nothing that makes
sense (BAD_REPLY).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

from adapters.providers.nalog import lenient
from adapters.providers.nalog.exchange import Page
from adapters.providers.nalog.lenient import Said
from adapters.providers.nalog.refusals import check_service, invalid_fields, understood
from function.outcomes import Reason, Status
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import Reply, Throttled

NAME = "nalog"
"""Of this provider, in answers, logs and metrics."""
MAX_REQUEST_ID = 1024

# A state of the two-step protocol and a code of the legacy one mean the same.
_STATUSES: Mapping[int | None, Status] = {0: Status.NOT_FOUND, 1: Status.FOUND, 3: Status.AMBIGUOUS}
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
    said = understood(page)
    if invalid := invalid_fields(page, said):
        return invalid
    check_service(page, said, HTTPStatus.OK)
    request_id = lenient.text_of(said.get("requestId")).strip()
    captcha = lenient.is_true(said.get("captchaRequired"))
    if 0 < len(request_id) <= MAX_REQUEST_ID:
        return Ticket(request_id, captcha)
    if captcha:
        raise Throttled(page.retry_after)
    raise Unavailable(Reason.BAD_REPLY)


def get_reply(page: Page) -> Reply | Poll:
    """What a get got. Raises Throttled, Unavailable."""
    said = understood(page)
    if _UNKNOWN_ID in lenient.text_of(said.get("ERROR")).casefold():
        return Poll.UNKNOWN_ID
    if invalid := invalid_fields(page, said):
        return Reply(invalid)
    check_service(page, said, HTTPStatus.OK)
    if lenient.whole(said.get("state")) == _PENDING:
        return Poll.PENDING
    return _answer(page, said, "state")


def legacy_reply(page: Page) -> Reply:
    """What the one step of the legacy protocol got. Raises Throttled, Unavailable."""
    said = understood(page)
    if invalid := invalid_fields(page, said):
        return Reply(invalid)
    check_service(page, said, HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    return _answer(page, said, "code")


def _answer(page: Page, said: Said, key: str) -> Reply:
    number = said.get(key)
    captcha = lenient.is_true(said.get("captchaRequired"))
    if number is None and captcha:
        raise Throttled(page.retry_after)
    whole = lenient.whole(number)
    if whole is None and not isinstance(number, float):
        raise Unavailable(Reason.BAD_REPLY)
    status = _STATUSES.get(whole)
    if status is None:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
    return Reply(Verdict(status, _inn(status, said), NAME), cool=captcha)


def _inn(status: Status, said: Said) -> str:
    number = lenient.valid_inn(said.get("inn"))
    # An INN of a person who is not found, or none of one who is: such a reply can't be believed.
    if bool(number) != (status is Status.FOUND):
        raise Unavailable(Reason.BAD_REPLY)
    return number
