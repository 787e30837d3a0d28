"""One request to an emulated service, as its answerer sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local_runtime.emulator.counts import Step
from local_runtime.emulator.register import Entry
from local_runtime.emulator.replies import Reply
from local_runtime.emulator.rules import HONEST, Rule
from local_runtime.emulator.script import Settings

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Ticket:
    """What a requestId stands for, and how many polls are pending yet."""

    entry: Entry
    pending: int


@dataclass(slots=True)
class Call:
    """A request; whom it is about (`subject`: the refusal where the fields are wrong), and the rule it falls under."""

    step: Step
    form: Mapping[str, str]
    headers: Headers
    settings: Settings
    subject: Entry | Ticket | Reply | None = None
    rule: Rule = HONEST
    pending: int = 0

    @property
    def key(self) -> str:
        """The person's key, "" where nobody can tell."""
        match self.subject:
            case Entry(key=key) | Ticket(entry=Entry(key=key)):
                return key
            case _:
                return ""
