"""The emulated tax service without I/O: makes the reply to a call (fns-protocol.md, 1 to 3)."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pydantic import JsonValue

from local_runtime.emulator import replies
from local_runtime.emulator.cases import INTERNAL_ERROR, INVALID_REQUEST_ID
from local_runtime.emulator.counts import Step
from local_runtime.emulator.fields import errors_of
from local_runtime.emulator.register import Ending, PersonEntry, entry_of, named_people
from local_runtime.emulator.replies import HttpReply
from local_runtime.emulator.settings import NO_RULE, EmulatorSettings, Numbers, Rule

MOSCOW = timezone(timedelta(hours=3), "MSK")
MAX_REQUEST_IDS = 100_000
"""Results that can be polled; the oldest are dropped first."""

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


@dataclass(slots=True)
class PendingResult:
    """The result of a requestId: pending for its first `pending` polls, and until `ready_at` (monotonic clock)."""

    entry: PersonEntry
    pending: int
    ready_at: float
    polls: int = 0


@dataclass(slots=True)
class Call:
    """A request: the person (`subject`; the refusal if fields are wrong), and the rule that applies."""

    step: Step
    form: Mapping[str, str]
    headers: Sequence[tuple[bytes, bytes]]
    settings: EmulatorSettings
    subject: PersonEntry | PendingResult | HttpReply | None = None
    rule: Rule = NO_RULE

    @property
    def key(self) -> str:
        """The person's key; "" where it is unknown."""
        match self.subject:
            case PersonEntry(key=key) | PendingResult(entry=PersonEntry(key=key)):
                return key
            case _:
                return ""

    @property
    def poll(self) -> int:
        """The number of this get among those of its requestId, from 1; 0: it is not a get."""
        return self.subject.polls if isinstance(self.subject, PendingResult) else 0


def person_of(call: Call) -> PersonEntry | HttpReply:
    """The entry of the form's person, or the refusal of wrong fields."""
    if errors := errors_of(call.form, datetime.now(UTC).astimezone(MOSCOW).date()):
        return replies.wrong_fields(errors, captcha="captcha" in errors)
    yo_differs = call.settings.yo == "differs"
    entry = entry_of(call.form, yo_differs=yo_differs)
    person = named_people(yo_differs=yo_differs).get(entry.key)
    issued = call.form.get("docdt", "")
    if call.settings.docdt == "checked" and person and person.docdt and issued not in ("", person.docdt):
        return PersonEntry(entry.key, Ending.NOT_FOUND)
    return entry


class TwoStepService:
    """The current protocol: a find gives a requestId, whose result is polled."""

    def __init__(self) -> None:
        self._results: dict[str, PendingResult] = {}

    def clear(self) -> None:
        """Delete all requestIds."""
        self._results.clear()

    def result_of(self, call: Call) -> PendingResult | None:
        """The result of the call's requestId; counts the poll."""
        result = self._results.get(call.form.get("requestId", ""))
        if result is not None:
            result.polls += 1
        return result

    def find(self, call: Call) -> HttpReply:
        """Answer the first step."""
        entry = _entry_of(call)
        if isinstance(entry, HttpReply):
            return entry
        request_id = self._new_request_id(entry, call)
        rule = call.rule
        if rule is NO_RULE:
            return HttpReply(b'{"requestId":"%s","captchaRequired":false}' % request_id.encode())
        captcha = rule.captcha == "with_id"
        body: dict[str, JsonValue] = {"requestId": request_id, "captchaRequired": captcha, **(rule.extra or {})}
        return replies.as_json(body, captcha=captcha)

    def _new_request_id(self, entry: PersonEntry, call: Call) -> str:
        rule, settings = call.rule, call.settings
        request_id = secrets.token_hex(64).upper()
        if not rule.forgotten:
            if len(self._results) >= MAX_REQUEST_IDS:
                del self._results[next(iter(self._results))]
            polls = max(settings.pending, entry.pending) if rule.pending is None else rule.pending
            seconds = settings.pending_sec if rule.pending_sec is None else rule.pending_sec
            self._results[request_id] = PendingResult(entry, polls, time.monotonic() + seconds)
        return request_id

    def get(self, call: Call) -> HttpReply:
        """Answer the second step: one poll."""
        result, rule, numbers = call.subject, call.rule, call.settings.numbers
        if not isinstance(result, PendingResult):
            return replies.error(INVALID_REQUEST_ID)
        state: float = STATES.get(result.entry.ending, PENDING)
        if rule.state is not None:
            state = rule.state
        elif result.polls <= result.pending or time.monotonic() < result.ready_at:
            state = PENDING
        body: dict[str, JsonValue] = {"state": _number(state, numbers, float)}
        if state == 0:
            body["error_code"] = _number(1, numbers, float)
        return replies.as_json({**_inn(result.entry, rule, shown=state == FOUND), **body, **(rule.extra or {})})


def legacy(call: Call) -> HttpReply:
    """Answer the one step of the legacy protocol."""
    entry, rule = _entry_of(call), call.rule
    if isinstance(entry, HttpReply):
        return entry
    code = CODES[entry.ending] if rule.code is None else rule.code
    captcha = rule.captcha == "with_id"
    number = _number(code, call.settings.numbers, int)
    body: dict[str, JsonValue] = {"captchaRequired": captcha, "code": number, **(rule.extra or {})}
    return replies.as_json({**_inn(entry, rule, shown=code == FOUND), **body}, captcha=captcha)


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
            return replies.wrong_fields(REJECTED_FIELDS)
        case PersonEntry(ending=Ending.CAPTCHA):
            return replies.as_json({"captchaRequired": True}, captcha=True)
        case PersonEntry() | HttpReply() as subject:
            return subject
        case _:
            return replies.error(INTERNAL_ERROR)
