"""Reads variables from the environment, the file `.env`, and files that variables name."""

import os
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dotenv.parser import Original

FILE = ".env"
"""In the working directory."""
MAX_FILE_BYTES = 1 << 16


class WrongSettings(Exception):
    """Settings are missing or malformed: one line for each, without values."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("wrong settings:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


def read() -> dict[str, str]:
    """The values by lower-case name. The environment takes precedence; an empty value counts as unset.

    Raises WrongSettings.
    """
    return {name.lower(): value for name, value in _assignments() if value}


def names() -> set[str]:
    """All names in their original spelling, with or without a value. Raises WrongSettings."""
    return {name for name, _ in _assignments()}


def value_of(name: str, variables: Mapping[str, str]) -> str | None:
    """A variable's value: its own, or the text of the file that NAME_FILE names, such as a mounted secret.

    Raises WrongSettings.
    """
    value, path = variables.get(name.lower()), variables.get(f"{name}_FILE".lower())
    if value is not None and path is not None:
        raise WrongSettings([f"{name}: is set twice, here and by {name}_FILE"])
    if path is not None:
        value = _read_text(path)
        if not value:
            raise WrongSettings([f"{name}_FILE: must name a file of text in UTF-8 that this user may read"])
    return value


def _assignments() -> Iterator[tuple[str, str | None]]:
    """Names and values; of repeated names the last one counts."""
    if Path(FILE).is_file():
        yield from _read_env_file().items()
    # An empty variable does not hide the file's value.
    yield from os.environ.items()
    if os.environ.get("SETTINGS_SECRET_ID"):
        from adapters.config import secrets_manager  # noqa: PLC0415  # on AWS Lambda alone

        yield from secrets_manager.settings(os.environ).items()


def _read_env_file() -> dict[str, str | None]:
    import dotenv.parser  # noqa: PLC0415  # few processes have such a file

    try:
        text = Path(FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise WrongSettings([f"{FILE}: must be text in UTF-8 that this user may read"]) from None
    # dotenv itself only logs such lines, at every read.
    wrong = [_first_line(each.original) for each in dotenv.parser.parse_stream(StringIO(text)) if each.error]
    if wrong:
        lines = f"line{'s' if len(wrong) > 1 else ''} {', '.join(map(str, wrong))}"
        raise WrongSettings([f"{FILE}: {lines}: must be NAME=value, a quote that is opened closed, or # and a comment"])
    return dotenv.dotenv_values(stream=StringIO(text))


def _read_text(path: str) -> str:
    """A file's text without line breaks at its end; "" if it cannot be read, or is too large."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        return content.decode("utf-8-sig").rstrip("\r\n") if len(content) <= MAX_FILE_BYTES else ""
    except (OSError, ValueError):
        return ""


def _first_line(statement: "Original") -> int:
    """The number of a statement's first line; dotenv includes the empty lines before it."""
    text = statement.string
    return statement.line + text[: len(text) - len(text.lstrip())].count("\n")
