"""CSV files, to read and to write."""

import csv
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Self

from adapters.cli.batch.cells import text_of
from adapters.cli.batch.csv_dialect import CHUNK, Dialect, sniffed
from adapters.cli.errors import WRONG_USE, Failure
from adapters.cli.typed import iso_date

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class CsvTable:
    """A CSV file to read. Raises Failure where it is none."""

    shifts = True

    def __init__(self, path: Path, dialect: Dialect | None = None) -> None:
        self._path = path
        self.dialect = dialect or sniffed(path)
        with closing(self._records()) as records:
            self.heading = [text_of(cell) for cell in next(records, [])]

    @property
    def how(self) -> str:
        """The encoding and the separator that were found out."""
        return str(self.dialect)

    def about(self) -> int:
        """How many rows there are, more or less: a cell may hold several lines."""
        with self._path.open("rb") as file:
            return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK), b"")) - 1)

    def check(self) -> None:
        """See that all of it can be read, and that no quote has made one cell of several rows. Raises Failure."""
        for number, record in enumerate(self._records(), 1):
            if any(self._holds_rows(cell) for cell in record if "\n" in cell or "\r" in cell):
                raise self._broken(
                    number, "a cell holds what looks like further rows: is a quote opened and not closed?"
                )

    def rows(self) -> Iterator[Sequence[object]]:
        """What stands below the heading; a blank line is a row without cells."""
        records = self._records()
        next(records, None)
        yield from records

    def lines(self, file: Iterable[str]) -> Iterable[str]:
        """Those of the file that count."""
        return file

    def _records(self) -> Generator[list[str]]:
        """From the heading on: the first record that is not blank."""
        number = 0
        with self._path.open(encoding=self.dialect.encoding, newline="") as file:
            try:
                # Else a quote that is not closed would swallow the rows below it, without a word.
                for record in csv.reader(self.lines(file), delimiter=self.dialect.separator, strict=True):
                    if number or self.dialect.is_heading(record):
                        number += 1
                        yield record
            except csv.Error:
                raise self._broken(
                    number + 1, "a quote is opened and not closed, or stands within a quoted cell"
                ) from None
            except UnicodeDecodeError:
                raise Failure(
                    f"{self._path} cannot be read as CSV: beyond record {number} something is no {self.dialect.written}",
                    WRONG_USE,
                ) from None

    def _holds_rows(self, cell: str) -> bool:
        """Whether there are rows in a cell of several lines: as many separators as these would have, and a date."""
        lines = [line for line in cell.splitlines() if line.strip()]
        parts = [part for line in lines for part in line.split(self.dialect.separator)]
        enough = len(parts) - len(lines) >= (len(lines) - 1) * (len(self.heading) - 1)
        return enough and any(_ISO_DATE.fullmatch(iso_date(part)) for part in parts)

    def _broken(self, number: int, why: str) -> Failure:
        return Failure(f"{self._path} cannot be read as CSV: in record {number}, {why}", WRONG_USE)


class CsvWriter:
    """A CSV file to write."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._file = path.open("w", encoding=dialect.encoding, errors="replace", newline="")
        self._writer = csv.writer(self._file, delimiter=dialect.separator, lineterminator=dialect.newline)

    def write(self, cells: Iterable[object]) -> None:
        """Add a row."""
        self._writer.writerow([_text(cell) for cell in cells])

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


def _text(cell: object) -> str:
    text = cell if isinstance(cell, str) else text_of(cell)
    # The writer puts quotes around a line feed, and not around a lone carriage return, which ends a row as well.
    return text if "\n" in text else text.replace("\r", "\n")


def line_of(cells: Iterable[str], dialect: Dialect) -> bytes:
    """How a row of text stands in a file."""
    text = StringIO(newline="")
    csv.writer(text, delimiter=dialect.separator, lineterminator=dialect.newline).writerow(cells)
    return text.getvalue().encode(dialect.encoding)
