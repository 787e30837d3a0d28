"""One line of `inn doctor`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

Settings = Mapping[type, Any]
"""The groups of settings that are valid, by their class."""


class Kind(StrEnum):
    """The result; the value is the line's first word."""

    OK = "ok"
    NOTE = "note"
    """It works, with a remark."""
    SKIPPED = "skipped"
    """Not checked, because of another fault or an option."""
    WRONG = "wrong"
    """A setting."""
    FAILED = "failed"
    """A connection, or the server at its other end."""


class Finding(NamedTuple):
    """One line. `text` names the cause and what to do, and holds no secret."""

    kind: Kind
    name: str
    text: str
