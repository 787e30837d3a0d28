"""The emulated tax service without I/O: makes the reply to a call (fns-protocol.md, 1 to 3)."""

import time
from datetime import UTC, datetime, timedelta, timezone

from pydantic import JsonValue

from local_runtime.emulator import http_replies
from local_runtime.emulator.control_settings import Numbers
from local_runtime.emulator.fault_rules import NO_RULE, Rule
from local_runtime.emulator.form_checks import errors_of
from local_runtime.emulator.http_replies import HttpReply
from local_runtime.emulator.register import Ending, PersonEntry, entry_of, named_people
from local_runtime.emulator.scenarios import INTERNAL_ERROR, INVALID_REQUEST_ID
from local_runtime.emulator.state import Call, PendingResult, issue

MOSCOW = timezone(timedelta(hours=3), "MSK")

FOUND = 1
PENDING = -1
STATES = {
    Ending.FOUND: FOUND,
    Ending.WRONG_INN: FOUND,
    Ending.NOT_FOUND: 0,
    Ending.AMBIGUOUS: 3,
    Ending.UNAVAILABLE: -2,
    Ending.PENDING: PENDING,
}
# The legacy protocol has no code for what is unavailable or still processed: its back end times out.
CODES = {**STATES, Ending.UNAVAILABLE: 99, Ending.PENDING: 99}
REJECTED_FIELDS = {"docno": ["Указан недействительный документ"]}


def person_of(call: Call) -> PersonEntry | HttpReply:
    """The entry of the form's person, or the refusal of wrong fields."""
    if errors := errors_of(call.form, datetime.now(UTC).astimezone(MOSCOW).date()):
        return http_replies.wrong_fields(errors, captcha="captcha" in errors)
    yo_differs = call.settings.yo == "differs"
    entry = entry_of(call.form, yo_differs=yo_differs)
    person = named_people(yo_differs=yo_differs).get(entry.key)
    issued = call.form.get("docdt", "")
    if call.settings.docdt == "checked" and person and person.docdt and issued not in ("", person.docdt):
        return PersonEntry(entry.key, Ending.NOT_FOUND)
    return entry


def result_of(call: Call) -> PendingResult | None:
    """The result of the call's requestId; counts the poll."""
    result = call.state.results.get(call.form.get("requestId", ""))
    if result is not None:
        result.polls += 1
    return result


def find(call: Call) -> HttpReply:
    """Answer the first step of the current protocol: a requestId, whose result is polled."""
    entry, rule, settings = _entry_of(call), call.rule, call.settings
    if isinstance(entry, HttpReply):
        return entry
    polls = max(settings.pending, entry.pending) if rule.pending is None else rule.pending
    seconds = settings.pending_sec if rule.pending_sec is None else rule.pending_sec
    result = PendingResult(entry, polls, time.monotonic() + seconds)
    request_id = issue({} if rule.forgotten else call.state.results, result, 64)
    if rule is NO_RULE:
        return HttpReply(b'{"requestId":"%s","captchaRequired":false}' % request_id.encode())
    captcha = rule.captcha == "with_id"
    body: dict[str, JsonValue] = {"requestId": request_id, "captchaRequired": captcha, **(rule.extra or {})}
    return http_replies.as_json(body, captcha=captcha)


def get(call: Call) -> HttpReply:
    """Answer the second step: one poll."""
    result, rule, numbers = call.subject, call.rule, call.settings.numbers
    if not isinstance(result, PendingResult):
        return http_replies.error(INVALID_REQUEST_ID)
    state: float = STATES.get(result.entry.ending, PENDING)
    if rule.state is not None:
        state = rule.state
    elif result.polls <= result.pending or time.monotonic() < result.ready_at:
        state = PENDING
    body: dict[str, JsonValue] = {"state": _number(state, numbers, float)}
    if state == 0:
        body["error_code"] = _number(1, numbers, float)
    return http_replies.as_json({**_inn(result.entry, rule, shown=state == FOUND), **body, **(rule.extra or {})})


def legacy(call: Call) -> HttpReply:
    """Answer the one step of the legacy protocol."""
    entry, rule = _entry_of(call), call.rule
    if isinstance(entry, HttpReply):
        return entry
    code = CODES[entry.ending] if rule.code is None else rule.code
    captcha = rule.captcha == "with_id"
    number = _number(code, call.settings.numbers, int)
    body: dict[str, JsonValue] = {"captchaRequired": captcha, "code": number, **(rule.extra or {})}
    return http_replies.as_json({**_inn(entry, rule, shown=code == FOUND), **body}, captcha=captcha)


def _inn(entry: PersonEntry, rule: Rule, *, shown: bool) -> dict[str, JsonValue]:
    if rule.inn is not None:
        return {"inn": rule.inn}
    return {"inn": entry.inn} if shown and entry.inn else {}


def _number(value: float, kind: Numbers, usual: type[float]) -> JsonValue:
    """The number in the configured type; a fraction stays as it is."""
    integer = int(value)
    if kind == "string" and integer == value:
        return str(integer)
    convert: type[float] = {"usual": usual, "float": float, "int": int}.get(kind, usual)
    return convert(value) if integer == value else value


def _entry_of(call: Call) -> PersonEntry | HttpReply:
    """The entry of the person searched for, or a reply that ends the search."""
    match call.subject:
        case PersonEntry(ending=Ending.REJECTED):
            return http_replies.wrong_fields(REJECTED_FIELDS)
        case PersonEntry(ending=Ending.CAPTCHA):
            return http_replies.as_json({"captchaRequired": True}, captcha=True)
        case PersonEntry() | HttpReply() as subject:
            return subject
        case _:
            return http_replies.error(INTERNAL_ERROR)
