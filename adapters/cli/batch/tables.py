"""Tables: CSV, whose encoding and separator are detected, or XLSX, by the content of the file; their rows and answers."""

import codecs
import csv
import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from adapters.cli.batch.header import Header, Layout, column_of, find_header
from adapters.cli.errors import WrongUse
from adapters.cli.person_fields import EXCEL_EPOCH, parse_date
from function.outcomes import Status

ANSWER_HEADINGS = ("inn", "status", "details")
MAX_CELL = 32_767
"""Characters of a spreadsheet's cell."""
UNSAVED = object()
"""A cell with a formula whose value is not in the file."""
Write = Callable[[Iterable[object]], object]
"""Adds a row to an output."""

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
_OLE, _ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_SAVE_AS = "open it in a spreadsheet program, and save it as .xlsx or as CSV"
# By how a file begins, which of a package is the list of its parts; the first match counts.
_OTHER_FORMATS = (
    (
        _OLE + b".*" + "EncryptedPackage".encode("utf-16-le"),
        "is encrypted: open it, take its password away, and save it as .xlsx",
    ),
    (_OLE + b".*" + "WordDocument".encode("utf-16-le"), "is a document of Word, and no table"),
    (_OLE, f"is a workbook of an old Excel (.xls): {_SAVE_AS}"),
    (_ZIP + rb".*\nxl/workbook\.bin", f"is a binary workbook (.xlsb): {_SAVE_AS}"),
    (_ZIP + rb".*\nword/", "is a document of Word, and no table"),
    (_ZIP + rb".*\ncontent\.xml", f"is an OpenDocument table (.ods): {_SAVE_AS}"),
    (_ZIP + rb".*\nIndex/", f"is a table of Numbers: {_SAVE_AS}"),
    (rb"\s*<\?xml.*<(?:\w+:)?Workbook\b", f"is an XML table of Excel 2003: {_SAVE_AS}"),
    (
        rb"\s*(?:<!--.*?-->|<\?xml.*?\?>|\s)*<(?:!doctype html|html|head|meta|body|table|div|style)\b|MIME-Version:",
        f"is a web page (HTML), whatever its name says: {_SAVE_AS}",
    ),
    (rb"%PDF", "is a PDF, and no table"),
    (rb"\{\\rtf", "is an RTF document, and no table"),
)
# Spreadsheets cannot hold most of them: in all formats they count as spaces.
_CONTROLS = re.compile(r"[\x00-\x1f]+")


class RowAnswer(NamedTuple):
    """The cells that are appended to a row, in the order of ANSWER_HEADINGS."""

    inn: str = ""
    status: str = ""
    details: str = ""

    @property
    def final(self) -> bool:
        """Whether later runs keep the answer; failed rows are looked up again."""
        return self.status not in ("", Status.FAILED)


NO_ANSWER = RowAnswer()


class Row(NamedTuple):
    """One row below the heading: `cells`, their `texts`, as many as headings; `surplus`: further cells."""

    cells: Sequence[object]
    texts: list[str]
    surplus: Sequence[object]


def cell_text(cell: object) -> str:
    """The cell as one line of text: a whole number without decimals, a day in ISO form."""
    match cell:
        case str():
            return " ".join((cell if cell.isprintable() else _CONTROLS.sub(" ", cell)).split())
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
    """The format of a CSV file. A character that the encoding lacks is written as a question mark."""

    encoding: str
    separator: str
    newline: str


class Table(NamedTuple):
    """A CSV file, or a sheet of a workbook, and what is known of its headings.

    `description`: how it is read, for messages; `records`: reads the cells of each row, given the width of the heading
    (0: unknown), as often as it is called, and raises Failure; `epoch`: day 0 of serial numbers of days; `dialect`: of a
    CSV file, where an unquoted separator moves the following cells into other columns; `sheet`, `hidden`: of a
    workbook; `heading`: its texts; `above`: rows up to the heading's last one.
    """

    description: str
    records: Callable[[int], Iterator[Sequence[object]]]
    epoch: date = EXCEL_EPOCH
    dialect: Dialect | None = None
    sheet: str = ""
    hidden: bool = False
    heading: Sequence[str] = ()
    above: int = 0

    def rows(self) -> Iterator[Row]:
        """The rows in order, without blank ones at the end, of which spreadsheets can have a million."""
        blanks = 0
        width = len(self.heading)
        for record in islice(self.records(width), self.above, None):
            row = make_row(record, width)
            if not row.surplus and not any(row.texts) and UNSAVED not in record:
                blanks += 1
                continue
            yield from repeat(make_row((), width), blanks)
            blanks = 0
            yield row


def open_table(path: Path, layout: Layout, sheet: str = "") -> tuple[Table, Header]:
    """Open a table and find its headings, in `sheet`, else in the visible sheet with headings. Raises Failure."""
    found = [
        (find_header((map(cell_text, record) for record in table.records(0)), layout), table)
        for table in open_tables(path, layout, sheet)
    ]
    complete = [(header, table) for header, table in found if not header.missing]
    if len(complete) > 1:
        names = ", ".join(table.sheet for _, table in complete)
        raise WrongUse(f"{path} has headings in several sheets ({names}): say by --sheet which one is meant")
    header, table = max(complete or found, key=lambda pair: pair[0].score)
    for column in layout.columns.values():
        if column_of(column, header.texts) is None:
            raise WrongUse(f"--map: no column {column} ({table.description}, row {header.row})")
    return table._replace(heading=header.texts, above=header.row + header.height - 1), header


def open_tables(path: Path, layout: Layout, sheet: str = "") -> Sequence[Table]:
    """The tables in a file: all visible sheets of a workbook, or `sheet`. Raises Failure."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WrongUse(f"{path} is no regular file, and can be read only once: save it as one first")
    try:
        is_workbook = _is_workbook(path)
    except OSError as exc:
        raise WrongUse(f"cannot read {path}: {exc.strerror}") from None
    if not is_workbook:
        if sheet:
            raise WrongUse(f"{path} is a CSV file, and has no sheets")
        return [_csv_table(path, layout)]
    from adapters.cli.batch.xlsx_file import open_sheets  # openpyxl is slow to import

    tables = open_sheets(path)
    chosen = [each for each in tables if (each.sheet.casefold() == sheet.casefold() if sheet else not each.hidden)]
    if not chosen:
        names = ", ".join(each.sheet for each in tables)
        raise WrongUse(f"{path} has no {'such' if sheet else 'visible'} sheet: choose one by --sheet of {names}")
    return chosen


def _is_workbook(path: Path) -> bool:
    """Whether it is XLSX; False: probably CSV. Raises Failure for other formats."""
    with path.open("rb") as file:
        head = file.read(HEAD >> 4)
        content: bytes | mmap.mmap = head
        if head.startswith(_OLE):
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        elif head.startswith(_ZIP):
            with suppress(BadZipFile), ZipFile(file) as package:
                content = b"\n".join([_ZIP, *(name.encode() for name in package.namelist())])
        else:
            content = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
        for begin, what in _OTHER_FORMATS:
            if re.match(begin, content, re.IGNORECASE | re.DOTALL):
                raise WrongUse(f"{path} {what}")
    return head.startswith(_ZIP)


def _csv_table(path: Path, layout: Layout) -> Table:
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
        records = csv.reader(lines, delimiter=separator)
        header = find_header((map(cell_text, record) for record in records), layout)
        return len(header.candidates), text.count(separator)

    return max(SEPARATORS, key=score)
