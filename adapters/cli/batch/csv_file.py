"""CSV files: encoding and separator are detected, and kept for the output."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from adapters.cli.batch.header import Layout, find_header
from adapters.cli.batch.rows import Dialect, Table, Write, cell_text
from adapters.cli.errors import WrongUse
from adapters.cli.parsing import parse_date

RUSSIAN_EXCEL = Dialect("utf-8-sig", ";", "\r\n")
"""The format that a Russian Excel opens by a double click."""
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


def open_csv(path: Path, layout: Layout) -> Table:
    """The table in a CSV file. Encoding: by its byte order mark, else UTF-8 if the whole file is, else Windows-1251."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not encoding:
        if b"\0" in head:
            raise WrongUse(f"{path} is neither CSV nor XLSX")
        encoding = "utf-8" if _is_utf8(path) else "cp1251"
    text = head.decode(encoding, errors="replace")
    dialect = Dialect(encoding, _separator(text, layout), "\r\n" if "\r\n" in text else "\n")
    shown = dialect.separator.replace("\t", "a tab")
    description = f"read as {_name(dialect)}, separated by {shown}"
    return Table(description, partial(_records, path, dialect), dialect=dialect)


@contextmanager
def write_csv(path: Path, dialect: Dialect) -> Iterator[Write]:
    """Write a CSV file."""
    with path.open("w", encoding=dialect.encoding, errors="replace", newline="") as file:
        writer = csv.writer(file, delimiter=dialect.separator, lineterminator=dialect.newline)
        yield lambda cells: writer.writerow([_with_newlines(cell) for cell in cells])


def _records(path: Path, dialect: Dialect, width: int) -> Iterator[Sequence[object]]:
    number = 0
    try:
        with path.open(encoding=dialect.encoding, newline="") as file:
            # Otherwise an unclosed quote would silently swallow the rows below it.
            for number, record in enumerate(csv.reader(file, delimiter=dialect.separator, strict=True), 1):
                if width and any(
                    _holds_rows(cell, dialect.separator, width) for cell in record if "\n" in cell or "\r" in cell
                ):
                    raise WrongUse(
                        f"{path} cannot be read as CSV: in record {number}, a cell holds what looks like further rows: "
                        "is a quote opened and not closed?"
                    )
                yield record
    except csv.Error:
        raise WrongUse(
            f"{path} cannot be read as CSV: in record {number + 1}, a quote is opened and not closed, or stands within "
            "a quoted cell"
        ) from None
    except UnicodeDecodeError:
        raise WrongUse(
            f"{path} cannot be read as CSV: beyond record {number} something is no {_name(dialect)}"
        ) from None


def _holds_rows(cell: str, separator: str, width: int) -> bool:
    """Whether a cell of several lines contains rows: their number of separators, and a date."""
    lines = [line for line in cell.splitlines() if line.strip()]
    parts = [part for line in lines for part in line.split(separator)]
    return len(parts) - len(lines) >= (len(lines) - 1) * (width - 1) and any(map(parse_date, parts))


def _name(dialect: Dialect) -> str:
    return _NAMES.get(dialect.encoding, dialect.encoding.upper())


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
