"""CSV files: encoding and separator are detected, and kept for the output."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple, Self

from typing_extensions import override

from adapters.cli.batch.header import Layout, find_header
from adapters.cli.batch.rows import Source, cell_text
from adapters.cli.errors import Failure, WrongUse
from adapters.cli.parsing import EXCEL_EPOCH, parse_date

SEPARATORS = ";,\t|"
HEAD = 1 << 16
# The longer ones first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-8-sig": "UTF-8", "cp1251": "Windows-1251"}
_SEPARATOR_LINE = re.compile(r"sep=([^\w\s\"]|\t)", re.IGNORECASE)


class Dialect(NamedTuple):
    """The format of a CSV file. A character that the encoding lacks is written as a question mark."""

    encoding: str
    separator: str
    newline: str


RUSSIAN_EXCEL = Dialect("utf-8-sig", ";", "\r\n")
"""The format that a Russian Excel opens by a double click."""
JOURNAL = Dialect("utf-8", ",", "\n")


class CsvSource(Source):
    """Reads a CSV file. `complete_lines`: skip a last line without a line end, as in a journal."""

    columns_may_shift = True
    epoch = EXCEL_EPOCH

    def __init__(self, path: Path, dialect: Dialect, *, complete_lines: bool = False) -> None:
        self._path = path
        self.dialect = dialect
        self._complete_lines = complete_lines
        self._encoding = _NAMES.get(dialect.encoding, dialect.encoding.upper())
        separator = "a tab" if dialect.separator == "\t" else dialect.separator
        self.description = f"read as {self._encoding}, separated by {separator}"

    @override
    def records(self, width: int = 0) -> Iterator[Sequence[object]]:
        number = 0
        with self._path.open(encoding=self.dialect.encoding, newline="") as file:
            lines = (line for line in file if line.endswith("\n")) if self._complete_lines else file
            try:
                # Otherwise an unclosed quote would silently swallow the rows below it.
                for number, record in enumerate(csv.reader(lines, delimiter=self.dialect.separator, strict=True), 1):
                    if width and any(self._holds_rows(cell, width) for cell in record if "\n" in cell or "\r" in cell):
                        raise self._read_error(
                            number, "a cell holds what looks like further rows: is a quote opened and not closed?"
                        )
                    yield record
            except csv.Error:
                raise self._read_error(
                    number + 1, "a quote is opened and not closed, or stands within a quoted cell"
                ) from None
            except UnicodeDecodeError:
                raise WrongUse(
                    f"{self._path} cannot be read as CSV: beyond record {number} something is no {self._encoding}"
                ) from None

    def _holds_rows(self, cell: str, width: int) -> bool:
        """Whether a cell of several lines contains rows: their number of separators, and a date."""
        lines = [line for line in cell.splitlines() if line.strip()]
        parts = [part for line in lines for part in line.split(self.dialect.separator)]
        return len(parts) - len(lines) >= (len(lines) - 1) * (width - 1) and any(map(parse_date, parts))

    def _read_error(self, number: int, why: str) -> Failure:
        return WrongUse(f"{self._path} cannot be read as CSV: in record {number}, {why}")


class CsvWriter:
    """Writes a CSV file."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._file = path.open("w", encoding=dialect.encoding, errors="replace", newline="")
        self._writer = csv.writer(self._file, delimiter=dialect.separator, lineterminator=dialect.newline)

    def write(self, cells: Iterable[object]) -> None:
        """Add a row."""
        self._writer.writerow([_with_newlines(cell) for cell in cells])

    def flush(self) -> None:
        """Write the buffer, so that it survives a kill -9."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def detect(path: Path, layout: Layout) -> Dialect:
    """The dialect of a file. Encoding: by the byte order mark, else UTF-8 if the whole file is, else Windows-1251."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not encoding:
        if b"\0" in head:
            raise WrongUse(f"{path} is neither CSV nor XLSX")
        encoding = "utf-8" if _is_utf8(path) else "cp1251"
    text = head.decode(encoding, errors="replace")
    return Dialect(encoding, _separator(text, layout), "\r\n" if "\r\n" in text else "\n")


def _is_utf8(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            while file.read(HEAD >> 4):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _separator(text: str, layout: Layout) -> str:
    """The separator named in the first line, else the one with the most headings, else the most columns."""
    lines = text.splitlines(keepends=True)
    first = next(filter(None, (line.strip("\r\n") for line in lines)), "")
    if named := _SEPARATOR_LINE.fullmatch(first):
        return named[1]

    def score(separator: str) -> tuple[int, int]:
        header = find_header(csv.reader(lines, delimiter=separator), layout)
        return len(header.candidates), text.count(separator)

    return max(SEPARATORS, key=score)


def _with_newlines(cell: object) -> str:
    text = cell if isinstance(cell, str) else cell_text(cell)
    # The writer quotes line feeds, but not lone carriage returns, which end a row as well.
    return text if "\n" in text else text.replace("\r", "\n")


def journal_line(cells: Iterable[str]) -> bytes:
    """A row as a line of a journal."""
    text = StringIO(newline="")
    csv.writer(text, lineterminator=JOURNAL.newline).writerow(cells)
    return text.getvalue().encode()
