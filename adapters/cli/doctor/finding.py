"""What was found, in one line."""

from dataclasses import dataclass
from enum import StrEnum

WIDTH = 8
"""Characters of the first word and what fills it up."""


class Kind(StrEnum):
    """How things stand; the value stands at the line's beginning."""

    OK = "ok"
    NOTE = "note"
    """It works, and there is something to know."""
    SKIPPED = "skipped"
    """Not looked at, since something else is wrong."""
    WRONG = "wrong"
    """A setting."""
    FAILED = "failed"
    """A connection, or what is at its other end."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `text` names the cause and the mend, and holds no secret."""

    kind: Kind
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind.value:{WIDTH}} {self.name:12} {self.text}"
