"""Reads variables from the environment, the file `.env`, and files that variables name."""

import os
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

FILE = ".env"  # in the working directory
MAX_FILE_BYTES = 1 << 16


class WrongSettings(Exception):
    """Settings are missing or malformed. `faults`: by name, without values."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = [f"{name}: {fault}" for name, fault in faults.items()]
        super().__init__("wrong settings:\n" + "\n".join(f"  {line}" for line in self.faults))


def read() -> dict[str, str]:
    """The values by upper-case name. The environment takes precedence; an empty value counts as unset.

    Raises WrongSettings.
    """
    found = [*_read_env_file().items(), *os.environ.items()]
    if secret_id := os.environ.get("SETTINGS_SECRET_ID"):
        from adapters.config import secrets_manager  # noqa: PLC0415  # on AWS Lambda alone

        found += secrets_manager.settings(secret_id, os.environ.get(secrets_manager.KEYS, "")).items()
    # An empty variable does not hide the file's value.
    return {name.upper(): value for name, value in found if value}


def values_of(names: Iterable[str], variables: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """The values of settings, and the faults of those that cannot be read, each by name.

    A value is the variable's own, or the text of the file that NAME_FILE names, such as a mounted secret.
    """
    values: dict[str, object] = {}
    faults = {}
    for name in names:
        path = variables.get(f"{name}_FILE")
        value = variables.get(name) if path is None else read_text(path)
        if path is not None and name in variables:
            faults[name] = f"is set twice, here and by {name}_FILE"
        elif path is not None and not value:
            faults[name] = f"{name}_FILE must name a file of text in UTF-8 that this user may read"
        elif value is not None:
            values[name] = value
    # No type accepts this value; without one, what depends on the setting would be reported as well.
    return values | dict.fromkeys(faults, object()), faults


def _read_env_file() -> dict[str, str | None]:
    if not Path(FILE).is_file():
        return {}
    import dotenv.parser  # noqa: PLC0415  # few processes have such a file

    try:
        text = Path(FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise WrongSettings({FILE: "must be text in UTF-8 that this user may read"}) from None
    # dotenv itself only logs such lines, at every read. A statement includes the empty lines before it.
    wrong = [each.original for each in dotenv.parser.parse_stream(StringIO(text)) if each.error]
    lines = [line + code[: len(code) - len(code.lstrip())].count("\n") for code, line in wrong]
    if lines:
        must_be = "must be NAME=value, a quote that is opened closed, or # and a comment"
        raise WrongSettings({f"{FILE}, line {line}": must_be for line in lines})
    return dotenv.dotenv_values(stream=StringIO(text))


def read_text(path: str | Path) -> str:
    """A file's text without line breaks at its end; "" if it cannot be read, or is too large."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        return content.decode("utf-8-sig").rstrip("\r\n") if len(content) <= MAX_FILE_BYTES else ""
    except (OSError, ValueError):
        return ""
