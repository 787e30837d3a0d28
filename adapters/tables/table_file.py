"""Reads and writes tables, CSV or XLSX. The content of a file says which it is, and a CSV file's encoding and separator."""

import codecs
import csv
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import islice, repeat
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from adapters.tables import WrongTable
from adapters.tables.header import column_of, find_header
from adapters.tables.person_values import EXCEL_EPOCH, parse_date

MAX_CELL = 32_767  # characters of a spreadsheet's cell
UNSAVED = object()  # a cell with a formula whose value is not in the file
HEAD = 1 << 16
_MARKS = {  # the longer ones first: UTF-32's begins with UTF-16's
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-8-sig": (codecs.BOM_UTF8,),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
_SEPARATOR_LINE = re.compile(r"[\r\n]*sep=([^\w\s\"]|\t)(?:[\r\n]|$)", re.IGNORECASE)
_OLE, _ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_SAVE_AS = "open it in a spreadsheet program, and save it as .xlsx or as CSV"
_ENCRYPTED, _ODS = "EncryptedPackage".encode("utf-16-le"), b"application/vnd.oasis.opendocument"
_OTHER_FORMATS = (  # by how a file begins, and what it contains; the first match counts
    (_OLE, _ENCRYPTED, "is encrypted: open it, take its password away, and save it as .xlsx"),
    (_OLE, b"", f"is a workbook of an old Excel (.xls), or another file of an old Office: {_SAVE_AS}"),
    (_ZIP, b"xl/workbook.bin", f"is a binary workbook (.xlsb): {_SAVE_AS}"),
    (_ZIP, _ODS, f"is an OpenDocument table (.ods): {_SAVE_AS}"),
    ((b"<", b"MIME-Version:"), b"", f"is a web page (HTML) or XML, whatever its name says: {_SAVE_AS}"),
)
_CONTROLS = re.compile(r"[\x00-\x1f]+")  # most cannot be in a spreadsheet: all count as spaces
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")  # how the name of a file that is written may end


class Row(NamedTuple):
    """One row below the heading: `cells`, their `texts`, as many as headings; `surplus`: further cells."""

    cells: Sequence[object]
    texts: list[str]
    surplus: Sequence[object]


def cell_text(cell: object) -> str:
    """The cell as one line of text, as far as a spreadsheet holds it: a whole number without decimals, an ISO day."""
    match cell:
        case str():
            return " ".join((cell if cell.isprintable() else _CONTROLS.sub(" ", cell)).split())[:MAX_CELL].rstrip()
        case None:
            return ""
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime():
            # Spreadsheets store time as a fraction of a day, which is rarely a whole second.
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
            return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return "" if cell is UNSAVED else str(cell)


def make_row(record: Sequence[object], width: int) -> Row:
    """Pad or split a record into a row of `width` cells."""
    cells = [*record[:width], *[None] * (width - len(record))]
    surplus = record[width:]
    return Row(cells, [*map(cell_text, cells)], surplus if any(map(cell_text, surplus)) else ())


class Dialect(NamedTuple):
    """The format of a CSV file; by default one that a Russian Excel opens by a double click.

    A character that the encoding lacks is written as a question mark.
    """

    encoding: str = "UTF-8-sig"
    separator: str = ";"
    newline: str = "\r\n"


class Table(NamedTuple):
    """A CSV file, or a sheet of a workbook, and what is known of its headings.

    `description`: how it is read, for messages; `records`: reads the cells of each row, as often as it is called, and
    raises WrongTable; `sheet`: its name; `epoch`: day 0 of serial numbers of days; `dialect`: of a CSV file, where an
    unquoted separator moves the following cells into other columns; `heading`: its texts; `columns`: by field; `above`:
    rows up to the heading's last one.
    """

    path: Path
    description: str
    records: Callable[[], Iterator[Sequence[object]]]
    sheet: str = ""
    epoch: date = EXCEL_EPOCH
    dialect: Dialect | None = None
    heading: Sequence[str] = ()
    columns: Mapping[str, int] = MappingProxyType({})
    above: int = 0

    def rows(self) -> Iterator[Row]:
        """The rows in order, without blank ones at the end: spreadsheets can have a million. Raises WrongTable."""
        blanks = 0
        width = len(self.heading)
        for number, record in enumerate(islice(self.records(), self.above, None), self.above + 1):
            # Otherwise an unclosed quote would silently swallow the rows below it.
            lined = (str(cell) for cell in record if not str(cell).isprintable())
            if self.dialect and any(_holds_rows(cell, self.dialect.separator, width) for cell in lined):
                raise WrongTable(
                    f"{self.path} cannot be read as CSV: in record {number}, a cell holds what looks like further rows: "
                    "is a quote opened and not closed?"
                )
            row = make_row(record, width)
            if not row.surplus and not any(row.texts) and UNSAVED not in record:
                blanks += 1
                continue
            yield from repeat(make_row((), width), blanks)
            blanks = 0
            yield row


def open_table(path: Path, sheet: str, header_row: int, maps: Mapping[str, str]) -> tuple[Table, str]:
    """Open a table, and find its headings in `sheet`, else in the visible sheet with headings. Raises WrongTable.

    `header_row`, `maps`: as `find_header` takes them. Returns what was taken for the headings, too, in words.
    """
    found = [
        (find_header((map(cell_text, record) for record in table.records()), header_row, maps), table)
        for table in open_tables(path, sheet)
    ]
    complete = [table.sheet for header, table in found if not header.missing]
    if complete[1:]:
        names = ", ".join(complete)
        raise WrongTable(f"{path} has headings in several sheets ({names}): say by --sheet which one is meant")
    header, table = max(found, key=lambda pair: pair[0].score)
    for column in maps.values():
        if column_of(column, header.texts) is None:
            raise WrongTable(f"--map: no column {column} ({table.description}, row {header.row})")
    columns, above = header.columns(table.description), header.row + header.height - 1
    return table._replace(heading=header.texts, columns=columns, above=above), header.describe(table.description)


def open_tables(path: Path, sheet: str = "") -> Sequence[Table]:
    """The tables in a file: all visible sheets of a workbook, or `sheet`. Raises WrongTable, for other formats, too."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WrongTable(f"{path} is no regular file, and can be read only once: save it as one first")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            # Of UTF-16, the letters without the zeros between them.
            begin = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
            for magic, part, what in _OTHER_FORMATS:
                if begin.startswith(magic) and (not part or mmap(file.fileno(), 0, access=ACCESS_READ).find(part) >= 0):
                    raise WrongTable(f"{path} {what}")
    except OSError as exc:
        raise WrongTable(f"cannot read {path}: {exc.strerror}") from None
    if head.startswith(_ZIP):
        from adapters.tables.xlsx_file import open_sheets  # openpyxl is slow to import

        return open_sheets(path, sheet)
    if sheet:
        raise WrongTable(f"{path} is a CSV file, and has no sheets")
    encoding = _encoding(path, head)
    text = head.decode(encoding, errors="replace")
    dialect = Dialect(encoding, _separator(text), "\r\n" if "\r\n" in text else "\n")
    separator = dialect.separator.replace("\t", "a tab")
    description = f"read as {encoding.removesuffix('-sig')}, separated by {separator}"
    return [Table(path, description, partial(_records, path, dialect), dialect=dialect)]


def replace_file(path: Path, like: Table, rows: Iterable[Sequence[object]]) -> None:
    """Write a table that replaces `path` in one step, once it is on the disk. Raises OSError.

    It has the input's dialect if both are CSV, and the input's permissions.
    """
    fresh, suffix = path.with_name(f".{path.name}.new"), path.suffix.lower()
    try:
        fresh.unlink(missing_ok=True)
        fresh.touch(0o600, exist_ok=False)  # personal data: private until it gets the input's mode
        if suffix == ".xlsx":
            from adapters.tables.xlsx_file import write_xlsx  # openpyxl is slow to import

            write_xlsx(fresh, rows)
        else:
            form = like.dialect or Dialect(separator="\t" if suffix == ".tsv" else ";")
            with fresh.open("w", encoding=form.encoding, errors="replace", newline="") as file:
                writer = csv.writer(file, delimiter=form.separator, lineterminator=form.newline)
                writer.writerows(map(_with_newlines, cells) for cells in rows)
        shutil.copymode(like.path, fresh)
        with fresh.open("rb+") as written:
            os.fsync(written.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _encoding(path: Path, head: bytes) -> str:
    """By its byte order mark, else UTF-8 if the whole file is, else Windows-1251."""
    for encoding, marks in _MARKS.items():
        if head.startswith(marks):
            return encoding
    if b"\0" in head:
        raise WrongTable(f"{path} is neither CSV nor XLSX")
    with path.open(encoding="UTF-8", newline="") as file, suppress(UnicodeDecodeError):
        while file.read(HEAD >> 4):
            pass
        return "UTF-8"
    return "Windows-1251"


def _records(path: Path, dialect: Dialect) -> Iterator[Sequence[str]]:
    number = 0
    try:
        with path.open(encoding=dialect.encoding, newline="") as file:
            for record in csv.reader(file, delimiter=dialect.separator, strict=True):
                number += 1
                yield record
    except (csv.Error, UnicodeDecodeError) as exc:
        what = f"in record {number + 1}, a quote is opened and not closed, or stands within a quoted cell"
        if isinstance(exc, UnicodeDecodeError):
            what = f"beyond record {number} something is no {dialect.encoding.removesuffix('-sig')}"
        raise WrongTable(f"{path} cannot be read as CSV: {what}") from None


def _holds_rows(cell: str, separator: str, width: int) -> bool:
    """Whether a cell of several lines contains rows: their number of separators, and a date."""
    lines = [line for line in cell.splitlines() if line.strip()]
    parts = [part for line in lines for part in line.split(separator)]
    return bool(lines[1:] and len(parts) - len(lines) >= (len(lines) - 1) * (width - 1) and any(map(parse_date, parts)))


def _separator(text: str) -> str:
    """The separator named in the first line, else the one with the most headings, else in the most lines."""
    if named := _SEPARATOR_LINE.match(text):
        return named[1]
    lines = text.splitlines(keepends=True)

    def score(separator: str) -> tuple[int, int]:
        records = csv.reader(lines, delimiter=separator)
        header = find_header((map(cell_text, record) for record in records), 0, {})
        return len(header.candidates), sum(separator in line for line in lines)

    return max(";,\t|", key=score)


def _with_newlines(cell: object) -> str:
    text = cell if isinstance(cell, str) else cell_text(cell)
    # The writer quotes line feeds, but not lone carriage returns, which end a row as well.
    return text if "\n" in text else text.replace("\r", "\n")
