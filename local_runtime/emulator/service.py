"""The emulated tax service, without sockets: a call in, a reply out (fns-protocol.md, 1 to 3)."""

import secrets
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from pydantic import JsonValue

from local_runtime.emulator import replies
from local_runtime.emulator.call import Call, Ticket
from local_runtime.emulator.fields import errors_of
from local_runtime.emulator.people import named
from local_runtime.emulator.register import Ending, Entry, entry_of
from local_runtime.emulator.replies import Reply
from local_runtime.emulator.rules import HONEST, Captcha

MOSCOW = timezone(timedelta(hours=3), "MSK")
KEPT_TICKETS = 100_000
"""Results that can be polled; the oldest are forgotten first."""

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
CODES = {
    Ending.FOUND: FOUND,
    Ending.WRONG_INN: FOUND,
    Ending.NOT_FOUND: 0,
    Ending.AMBIGUOUS: 3,
    Ending.UNAVAILABLE: 99,
    # The legacy protocol has no word for what is still processed: its back end times out.
    Ending.PENDING: 99,
}
REJECTED_FIELDS = {"docno": ["Указан недействительный документ"]}


def admit(call: Call) -> Entry | Reply:
    """Whom the form is about, or what the service says to its wrong fields."""
    if faults := errors_of(call.form, datetime.now(UTC).astimezone(MOSCOW).date()):
        return replies.wrong_fields(faults, captcha=replies.CAPTCHA_FIELD in faults)
    yo_differs = call.settings.yo == "differs"
    entry = entry_of(call.form, yo_differs=yo_differs)
    person = named(yo_differs=yo_differs).get(entry.key)
    if person is None:
        return entry
    issued = call.form.get("docdt", "")
    if call.settings.docdt == "checked" and issued and person.docdt not in ("", issued):
        return Entry(entry.key, Ending.NOT_FOUND)
    return Entry(entry.key, person.ending, person.inn or entry.inn, person.pending)


class Tickets:
    """What was found and is yet to be fetched, by requestId."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def clear(self) -> None:
        """Forget every requestId."""
        self._tickets.clear()

    def of(self, call: Call) -> Ticket | None:
        """What the call's requestId stands for."""
        return self._tickets.get(call.form.get("requestId", ""))

    def issue(self, ticket: Ticket, *, forgotten: bool) -> str:
        """A requestId; `forgotten`: one that nobody will know."""
        request_id = secrets.token_hex(64).upper()
        if not forgotten:
            if len(self._tickets) >= KEPT_TICKETS:
                del self._tickets[next(iter(self._tickets))]
            self._tickets[request_id] = ticket
        return request_id

    def find(self, call: Call) -> Reply:
        """Answer the first step."""
        entry = call.subject
        if not isinstance(entry, Entry):
            return _refusal(entry)
        if (refused := _refused(entry)) is not None:
            return refused
        rule = call.rule
        polls = max(call.pending, entry.pending) if rule.pending is None else rule.pending
        request_id = self.issue(Ticket(entry, polls), forgotten=rule.forgotten)
        if rule is HONEST:
            return Reply(b'{"requestId":"%s","captchaRequired":false}' % request_id.encode())
        captcha = rule.captcha is Captcha.WITH_ID
        body: dict[str, JsonValue] = {"requestId": request_id, "captchaRequired": captcha, **(rule.extra or {})}
        return replies.as_json(body, captcha=captcha)


def get(call: Call) -> Reply:
    """Answer the second step: one poll."""
    ticket, rule = call.subject, call.rule
    if not isinstance(ticket, Ticket):
        return replies.error(replies.UNKNOWN_REQUEST)
    state: float = STATES.get(ticket.entry.ending, PENDING)
    if rule.state is not None:
        state = rule.state
    elif ticket.pending > 0:
        ticket.pending -= 1
        state = PENDING
    number = _number(state, call.settings.numbers, float)
    body: dict[str, JsonValue] = {"state": number}
    if state == 0:
        body["error_code"] = _number(1, call.settings.numbers, float)
    return replies.as_json({**_inn(ticket.entry, call, shown=state == FOUND), **body, **(rule.extra or {})})


def legacy(call: Call) -> Reply:
    """Answer the one step of the legacy protocol."""
    entry, rule = call.subject, call.rule
    if not isinstance(entry, Entry):
        return _refusal(entry)
    if (refused := _refused(entry)) is not None:
        return refused
    code = CODES[entry.ending] if rule.code is None else rule.code
    captcha = rule.captcha is Captcha.WITH_ID
    number = _number(code, call.settings.numbers, int)
    body: dict[str, JsonValue] = {"captchaRequired": captcha, "code": number, **(rule.extra or {})}
    return replies.as_json({**_inn(entry, call, shown=code == FOUND), **body}, captcha=captcha)


def _inn(entry: Entry, call: Call, *, shown: bool) -> dict[str, JsonValue]:
    if call.rule.inn is not None:
        return {"inn": call.rule.inn}
    return {"inn": entry.inn} if shown and entry.inn else {}


def _number(value: float, kind: Literal["usual", "float", "int", "string"], usual: type[float]) -> JsonValue:
    """The number as the settings have it; one with a fraction stays as it is."""
    whole = int(value)
    if whole != value:
        return value
    kinds: dict[str, JsonValue] = {"usual": usual(value), "float": float(value), "int": whole, "string": str(whole)}
    return kinds[kind]


def _refused(entry: Entry) -> Reply | None:
    if entry.ending is Ending.REJECTED:
        return replies.wrong_fields(REJECTED_FIELDS)
    if entry.ending is Ending.CAPTCHA:
        return replies.as_json({"captchaRequired": True}, captcha=True)
    return None


def _refusal(subject: object) -> Reply:
    return subject if isinstance(subject, Reply) else replies.error(replies.INTERNAL_ERROR)
