"""XLSX files: cells are read from the sheet's own XML, and written by openpyxl.

openpyxl refuses a whole workbook for an unusual style or property, does not report formulas without a value, and takes
three times as long to read.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from functools import partial
from itertools import repeat
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import IO, Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring, iterparse
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from adapters.tables import WrongTable
from adapters.tables.table_file import MAX_CELL, UNSAVED, Table, cell_text

MAX_ROWS = 1 << 20
_DAMAGED = (BadZipFile, LookupError, ValueError, ParseError, struct.error, zlib.error, EOFError, RuntimeError)


class _Shared(NamedTuple):
    """What the cells of all sheets refer to. `dates`: the styles of times, and whether of durations."""

    strings: list[str]
    dates: dict[str, bool]
    calendar: datetime


def open_sheets(path: Path, chosen: str) -> list[Table]:
    """The visible sheets of a workbook, or the `chosen` one. Raises WrongTable where there is none, or damage."""
    with _package(path) as package:
        # Some programs write names in another case than they refer to them.
        names = {name.replace("\\", "/").casefold(): name for name in package.namelist()}
        root = next(name for name in names if name.endswith("workbook.xml"))
        parts: dict[str, str] = {}
        for relation in _parse(package, names[join(dirname(root), "_rels", "workbook.xml.rels")]):
            target = normpath(join("/", dirname(root), relation.get("Target", ""))).lstrip("/")
            part = names.get(target.casefold(), "")
            parts[relation.get("Id", "")] = parts[relation.get("Type", "").rpartition("/")[2]] = part
        book = _parse(package, names[root])
        is_1904 = any(each.get("date1904") in ("1", "true") for each in book.iterfind("{*}workbookPr"))
        shared = _Shared([], {}, CALENDAR_MAC_1904 if is_1904 else CALENDAR_WINDOWS_1900)
        if strings := parts.get("sharedStrings"):
            with package.open(strings) as file:
                shared.strings.extend(map(_text, _elements(file, "si")))
        with suppress(*_DAMAGED):  # without them a number in a column of dates is still read as one
            shared.dates.update(_date_styles(_parse(package, parts["styles"])))
    sheets = [
        (sheet.get("name", ""), sheet.get("state", "visible"), part)
        for sheet in book.iterfind("{*}sheets/{*}sheet")
        for name, relation in sheet.items()
        if name.endswith("}id") and "/worksheets/" in (part := parts.get(relation, "")).casefold()
    ]
    tables = [
        Table(path, f"sheet {name}", partial(_records, path, part, shared), name, shared.calendar.date())
        for name, state, part in sheets
        if (name.casefold() == chosen.casefold() if chosen else state == "visible")
    ]
    if not tables:
        there = ", ".join(name for name, *_ in sheets)
        raise WrongTable(f"{path} has no {'such' if chosen else 'visible'} sheet: choose one by --sheet of {there}")
    return tables


def write_xlsx(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write a workbook with one sheet, where numbers, days and text keep their types."""
    workbook = Workbook(write_only=True)
    sheet: Any = workbook.create_sheet("INN")
    sheet.sheet_format.defaultColWidth = 18
    for cells in rows:
        sheet.append([_written(sheet, cell) for cell in cells])
    workbook.save(path)


@contextmanager
def _package(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as package:
            yield package
    except (*_DAMAGED, StopIteration):
        raise WrongTable(f"{path} is no XLSX file, or is damaged") from None


def _records(path: Path, part: str, shared: _Shared) -> Iterator[Sequence[object]]:
    number = 0
    with _package(path) as package, package.open(part) as file:
        for row in _elements(file, "row"):
            place = int(row.get("r") or number + 1)
            if not number < place <= MAX_ROWS:
                raise ValueError
            yield from repeat((), place - number - 1)
            number = place
            yield _cells(row, shared)


def _cells(row: Element, shared: _Shared) -> list[object]:
    cells: list[object] = []
    column = 0
    for cell in row:
        place = cell.get("r", "").rstrip("0123456789")
        column = column_index_from_string(place) if place else column + 1
        if (value := _value(cell, shared)) is not None:
            cells += [None] * (column - len(cells))
            cells[column - 1] = value
    return cells


def _value(cell: Element, shared: _Shared) -> object:
    parts = {part.tag.rpartition("}")[2]: part for part in cell}
    kind, text = cell.get("t", "n"), parts["v"].text if "v" in parts else None
    if not text:
        without = UNSAVED if "f" in parts and kind != "str" else None
        return _text(parts["is"]) if "is" in parts else without
    with suppress(ValueError, ArithmeticError):
        match kind:
            case "s":
                return shared.strings[int(text)]
            case "b":
                return text == "1"
            case "d":
                return datetime.fromisoformat(text)
            case "n":
                number = int(text) if text.isdecimal() else float(text)
                is_duration = shared.dates.get(cell.get("s", "0"))
                return number if is_duration is None else from_excel(number, shared.calendar, is_duration)
    return text


def _written(sheet: Any, cell: object) -> object:
    """A cell as openpyxl writes it."""
    if isinstance(cell, str):
        text = ILLEGAL_CHARACTERS_RE.sub(" ", cell) if len(cell) <= MAX_CELL else cell_text(cell)
        if not text.startswith("="):
            return text
        written = WriteOnlyCell(sheet, text)
        written.data_type = "s"
        return written
    if isinstance(cell, date) and len(cell_text(cell)) == len("yyyy-mm-dd"):
        written = WriteOnlyCell(sheet)
        written.value, written.number_format = cell, "dd.mm.yyyy"
        return written
    return None if cell is UNSAVED else cell


def _parse(package: ZipFile, name: str) -> Element:
    return fromstring(package.read(name))  # noqa: S314  # expat bounds what entities expand to


def _elements(file: IO[bytes], name: str) -> Iterator[Element]:
    """The elements of this name, one at a time, without keeping them in memory."""
    parents: list[Element] = []
    for event, element in iterparse(file, ("start", "end")):  # noqa: S314  # as above
        if event == "start":
            parents.append(element)
        elif parents.pop().tag.rpartition("}")[2] == name:
            yield element
            parents[-1].clear()


def _text(element: Element) -> str:
    """The text of a string, with or without runs, without its phonetic hints."""
    return "".join(part.text or "" for path in ("{*}t", "{*}r/{*}t") for part in element.iterfind(path))


def _date_styles(styles: Element) -> Iterator[tuple[str, bool]]:
    codes = {form.get("numFmtId"): form.get("formatCode", "") for form in styles.iterfind("{*}numFmts/{*}numFmt")}
    for style, form in enumerate(styles.iterfind("{*}cellXfs/{*}xf")):
        number = form.get("numFmtId") or "0"
        code = codes.get(number, BUILTIN_FORMATS.get(int(number), ""))
        if is_date_format(code):
            yield str(style), is_timedelta_format(code)
