"""How a CSV file is written: its encoding and separator are found out, and kept for the output."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.cli.batch.cells import text_of
from adapters.cli.batch.headings import columns_of
from adapters.cli.errors import WRONG_USE, Failure

SEPARATORS = ";,\t|"
CHUNK = 1 << 16
# The longer ones first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-8-sig": "UTF-8", "cp1251": "Windows-1251"}
_NAMED = re.compile(r"sep=([^\w\s\"]|\t)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written. What its encoding can't hold is written as a question mark."""

    encoding: str
    separator: str
    newline: str

    @property
    def written(self) -> str:
        """The encoding, as people call it."""
        return _NAMES.get(self.encoding, self.encoding.upper())

    def __str__(self) -> str:
        """For the person who wonders why a file is not understood."""
        separator = "a tab" if self.separator == "\t" else self.separator
        return f"read as {self.written}, separated by {separator}"

    def is_heading(self, record: Sequence[str]) -> bool:
        """Whether anything stands in a record, besides the separator that Excel is told by `sep=;`."""
        return any(map(text_of, record)) and [cell.lower() for cell in record] != ["sep=", ""]


RUSSIAN_EXCEL = Dialect("utf-8-sig", ";", "\r\n")
"""What a Russian Excel opens by a double click."""


def sniffed(path: Path) -> Dialect:
    """How a file is written: by its byte order mark, else UTF-8 if all of it is, else Windows-1251."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not encoding:
        if b"\0" in head:
            raise Failure(f"{path} is neither CSV nor XLSX", WRONG_USE)
        encoding = "utf-8" if _is_utf8(path) else "cp1251"
    text = head.decode(encoding, errors="replace")
    return Dialect(encoding, _separator(text), "\r\n" if "\r\n" in text else "\n")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _separator(text: str) -> str:
    """The one that the first line with anything in it names, or that makes headings of it."""
    lines = [line for line in text.splitlines() if line.strip(f" {SEPARATORS}")][:1]
    if lines and (named := _NAMED.fullmatch(lines[0])):
        return named[1]
    known = {separator: len(columns_of(next(csv.reader(lines, delimiter=separator), []))) for separator in SEPARATORS}
    return max(known, key=known.__getitem__)
