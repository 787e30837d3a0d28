"""What is set: in the environment, else in the file `.env`."""

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dotenv.parser import Original

FILE = ".env"
"""In the folder that the process is started in."""


class WrongSettings(Exception):
    """The process can't start: one line for each setting that is missing or malformed, no values."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("wrong settings:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


def read() -> dict[str, str]:
    """The values by their names in lower case. The environment goes before the file; what is empty is not set.

    Raises WrongSettings.
    """
    return {name.lower(): value for name, value in _written() if value}


def names() -> set[str]:
    """Every name, in the letters that it is written in, whether something is set or not. Raises WrongSettings."""
    return {name for name, _ in _written()}


def _written() -> Iterator[tuple[str, str | None]]:
    """Names and values; of one that comes twice the last counts."""
    if Path(FILE).is_file():
        yield from _in_file().items()
    # What is empty here does not hide what the file has.
    yield from os.environ.items()
    if os.environ.get("SETTINGS_SECRET_ID"):
        from adapters.config import secrets_manager  # noqa: PLC0415  # on AWS Lambda alone

        yield from secrets_manager.settings(os.environ).items()


def _in_file() -> dict[str, str | None]:
    from dotenv import dotenv_values  # noqa: PLC0415  # few processes have such a file
    from dotenv.parser import parse_stream  # noqa: PLC0415  # the same

    try:
        text = Path(FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise WrongSettings([f"{FILE}: must be text in UTF-8 that this user may read"]) from None
    # Else the library would leave them out, with a line of its own for each in the log, every time.
    wrong = [_line_of(statement.original) for statement in parse_stream(StringIO(text)) if statement.error]
    if wrong:
        lines = f"line{'s' if len(wrong) > 1 else ''} {', '.join(map(str, wrong))}"
        raise WrongSettings([f"{FILE}: {lines}: must be NAME=value, a quote that is opened closed, or # and a comment"])
    return dotenv_values(stream=StringIO(text))


def _line_of(statement: "Original") -> int:
    """Where it begins. The empty lines before it belong to it."""
    text = statement.string
    return statement.line + text[: len(text) - len(text.lstrip())].count("\n")
