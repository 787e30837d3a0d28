"""CSV files: their encoding and separator are found out, and kept for the output."""

import codecs
import csv
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from adapters.cli.batch.cells import text_of
from adapters.cli.batch.headings import columns_of
from adapters.cli.failure import WRONG_USE, Failure

SEPARATORS = ";,\t|"
CHUNK = 1 << 16
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written. What its encoding can't hold is written as a question mark."""

    encoding: str
    separator: str
    newline: str


RUSSIAN_EXCEL = Dialect("utf-8-sig", ";", "\r\n")
"""What a Russian Excel opens by a double click."""


class CsvTable:
    """A CSV file to read. Raises Failure where it is none."""

    def __init__(self, path: Path, dialect: Dialect | None = None) -> None:
        self._path = path
        self.dialect = dialect or sniffed(path)
        with closing(self._records()) as records:
            self.heading = [text_of(cell) for cell in next(records, [])]

    def about(self) -> int:
        """How many rows there are, more or less: a cell may hold several lines."""
        with self._path.open("rb") as file:
            return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK), b"")) - 1)

    def rows(self) -> Iterator[Sequence[object]]:
        """What stands below the heading; a blank line is a row without cells."""
        records = self._records()
        next(records, None)
        yield from records

    def _records(self) -> Generator[list[str]]:
        number = 0
        with self._path.open(encoding=self.dialect.encoding, newline="") as file:
            try:
                for record in csv.reader(file, delimiter=self.dialect.separator):
                    number += 1
                    yield record
            except (csv.Error, UnicodeDecodeError):
                raise Failure(
                    f"{self._path} is no CSV file: it cannot be read beyond record {number}", WRONG_USE
                ) from None


class CsvWriter:
    """A CSV file to write."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._file = path.open("w", encoding=dialect.encoding, errors="replace", newline="")
        self._writer = csv.writer(self._file, delimiter=dialect.separator, lineterminator=dialect.newline)

    def write(self, cells: Iterable[object]) -> None:
        """Add a row."""
        self._writer.writerow([cell if isinstance(cell, str) else text_of(cell) for cell in cells])

    def flush(self) -> None:
        """Hand what was written to the system: it is safe from a kill -9."""
        self._file.flush()

    def close(self) -> None:
        """Bring all of it to the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
    """The one that makes headings of the first line."""
    lines = text.splitlines()[:1]
    known = {separator: len(columns_of(next(csv.reader(lines, delimiter=separator), []))) for separator in SEPARATORS}
    return max(known, key=known.__getitem__)
