"""The emulated tax service, without sockets: a form in, a reply out (fns-protocol.md, 1 to 3)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from local_runtime.emulator import replies
from local_runtime.emulator.fields import errors_of
from local_runtime.emulator.people import named
from local_runtime.emulator.register import Ending, Entry, entry_of
from local_runtime.emulator.replies import Reply

MOSCOW = timezone(timedelta(hours=3), "MSK")
KEPT_TICKETS = 100_000
"""Results that can be polled; the oldest are forgotten first."""

PENDING_STATE = -1.0
STATES = {
    Ending.FOUND: 1.0,
    Ending.WRONG_INN: 1.0,
    Ending.NOT_FOUND: 0.0,
    Ending.AMBIGUOUS: 3.0,
    Ending.UNAVAILABLE: -2.0,
    Ending.PENDING: PENDING_STATE,
}
CODES = {
    Ending.FOUND: 1,
    Ending.WRONG_INN: 1,
    Ending.NOT_FOUND: 0,
    Ending.AMBIGUOUS: 3,
    Ending.UNAVAILABLE: 99,
    Ending.PENDING: 99,
}
"""The legacy protocol has no word for what is still processed: its back end times out."""
REJECTED_FIELDS = {"docno": ["Указан недействительный документ"]}


@dataclass(slots=True)
class Ticket:
    """What a requestId stands for, and how many polls are pending yet."""

    entry: Entry
    pending: int


class Service:
    """One tax service. Its answers come from the register; `yo_differs`: ё is another letter than е to it."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def forget(self) -> None:
        """Forget every requestId."""
        self._tickets.clear()

    def ticket(self, request_id: str) -> Ticket | None:
        """What a requestId stands for."""
        return self._tickets.get(request_id)

    def find(self, form: Mapping[str, str], pending: int) -> Reply:
        """The first step."""
        entry = entry_or_refusal(form)
        if isinstance(entry, Reply):
            return entry
        person = named().get(entry.key)
        polls = max(pending, person.pending) if person else pending
        request_id = secrets.token_hex(64).upper()
        if len(self._tickets) >= KEPT_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        self._tickets[request_id] = Ticket(entry, polls)
        return Reply(b'{"requestId":"%s","captchaRequired":false}' % request_id.encode())

    def get(self, ticket: Ticket | None) -> Reply:
        """The second step: one poll."""
        if ticket is None:
            return replies.error(replies.UNKNOWN_REQUEST)
        if ticket.pending > 0:
            ticket.pending -= 1
            return Reply(b'{"state":-1.0}')
        state = STATES[ticket.entry.ending]
        if state == 1:
            return Reply(b'{"inn":"%s","state":1.0}' % ticket.entry.inn.encode())
        return replies.as_json({"state": state})


def legacy(form: Mapping[str, str]) -> Reply:
    """The one step of the legacy protocol."""
    entry = entry_or_refusal(form)
    if isinstance(entry, Reply):
        return entry
    code = CODES[entry.ending]
    inn = {"inn": entry.inn} if code == 1 else {}
    return replies.as_json({**inn, "captchaRequired": False, "code": code})


def entry_or_refusal(form: Mapping[str, str]) -> Entry | Reply:
    """The person's entry, or what the service says to wrong fields."""
    if faults := errors_of(form, datetime.now(UTC).astimezone(MOSCOW).date()):
        return replies.wrong_fields(faults, captcha=replies.CAPTCHA_FIELD in faults)
    entry = entry_of(form)
    person = named().get(entry.key)
    if person is None:
        return entry
    if person.ending is Ending.REJECTED:
        return replies.wrong_fields(REJECTED_FIELDS)
    if person.ending is Ending.CAPTCHA:
        return replies.as_json({"captchaRequired": True}, captcha=True)
    return person.entry
