"""What is set: in the environment, else in the file `.env`."""

import os
from collections.abc import Iterator
from pathlib import Path

FILE = ".env"
"""In the folder that the process is started in."""


def read() -> dict[str, str]:
    """The values by their names in lower case. The environment goes before the file; what is empty is not set."""
    return {name.lower(): value for name, value in _written() if value}


def names() -> set[str]:
    """Every name, in the letters that it is written in, whether something is set or not."""
    return {name for name, _ in _written()}


def _written() -> Iterator[tuple[str, str | None]]:
    """Names and values; of one that comes twice the last counts."""
    if Path(FILE).is_file():
        from dotenv import dotenv_values  # noqa: PLC0415  # few processes have such a file

        yield from dotenv_values(FILE, encoding="utf-8").items()
    # What is empty here does not hide what the file has.
    yield from os.environ.items()
