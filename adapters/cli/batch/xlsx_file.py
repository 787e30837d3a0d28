"""XLSX files: cells are read from the sheet's own XML, and written by openpyxl.

openpyxl refuses a whole workbook for an unusual style or property, does not report formulas without a value, and takes
three times as long to read.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import IO, Any, Self
from xml.etree.ElementTree import Element, ParseError, iterparse
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.cell import column_index_from_string, get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel
from typing_extensions import override

from adapters.cli.batch.rows import MAX_CELL, UNSAVED, Source, cell_text
from adapters.cli.errors import WrongUse

MAX_ROWS = 1 << 20
COLUMN_WIDTH = 18
DAY = "dd.mm.yyyy"
# Excel's own formats that need no code in the file: these are of days in East Asian languages.
_LOCAL_DATES = frozenset({*range(27, 37), *range(50, 59)})
_DAMAGED = (BadZipFile, LookupError, ValueError, ParseError, struct.error, zlib.error, EOFError, RuntimeError)


class XlsxFile:
    """Reads a workbook. Raises Failure for another or a damaged file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sheets: list[XlsxSheet] = []
        self.strings: list[str] = []
        self.durations: dict[int, bool] = {}
        """The styles of times, and whether each is of durations."""
        self.calendar = CALENDAR_WINDOWS_1900
        with self.open() as package:
            # Some programs write names in another case than they refer to them.
            names = {name.replace("\\", "/").casefold(): name for name in package.namelist()}
            root = next(name for name in names if name.endswith("workbook.xml"))
            parts: dict[str, str] = {}
            with package.open(names[join(dirname(root), "_rels", "workbook.xml.rels")]) as file:
                for relation in _elements(file, "Relationship"):
                    part = names.get(
                        normpath(join("/", dirname(root), relation.get("Target", ""))).lstrip("/").casefold(), ""
                    )
                    parts[relation.get("Id", "")] = parts[relation.get("Type", "").rpartition("/")[2]] = part
            with package.open(names[root]) as file:
                for element in _elements(file, "workbookPr", "sheet"):
                    if element.get("date1904") in ("1", "true"):
                        self.calendar = CALENDAR_MAC_1904
                    self._add_sheet(element, parts)
            if strings := parts.get("sharedStrings"):
                with package.open(strings) as file:
                    self.strings = [_text(element) for element in _elements(file, "si")]
            # Without them, a number in a column of dates is still read as one.
            with suppress(*_DAMAGED), package.open(parts["styles"]) as file:
                self.durations = _durations(file)

    @contextmanager
    def open(self) -> Iterator[ZipFile]:
        """The package of its parts. Raises Failure."""
        try:
            with ZipFile(self._path) as package:
                yield package
        except (*_DAMAGED, StopIteration):
            raise WrongUse(f"{self._path} is no XLSX file, or is damaged") from None

    def _add_sheet(self, element: Element, parts: dict[str, str]) -> None:
        relation = next((value for name, value in element.items() if name.endswith("}id")), "")
        if "/worksheets/" in (part := parts.get(relation, "")).casefold():
            self.sheets.append(
                XlsxSheet(self, element.get("name", ""), part, hidden=element.get("state", "visible") != "visible")
            )


class XlsxSheet(Source):
    """Reads a sheet."""

    columns_may_shift = False

    def __init__(self, file: XlsxFile, name: str, part: str, *, hidden: bool) -> None:
        self._file = file
        self._part = part
        self.epoch = file.calendar.date()
        self.name = name
        self.hidden = hidden
        self.description = f"sheet {name}"

    @override
    def records(self, width: int = 0) -> Iterator[Sequence[object]]:
        number = 0
        with self._file.open() as package, package.open(self._part) as file:
            for row in _elements(file, "row"):
                place = int(row.get("r") or number + 1)
                if not number < place <= MAX_ROWS:
                    raise ValueError
                for _ in range(number + 1, place):
                    yield ()
                number = place
                yield self._cells(row)

    def _cells(self, row: Element) -> list[object]:
        cells: list[object] = []
        column = 0
        for cell in row:
            place = cell.get("r", "").rstrip("0123456789")
            column = column_index_from_string(place) if place else column + 1
            if (value := self._value(cell)) is not None:
                cells += [None] * (column - len(cells))
                cells[column - 1] = value
        return cells

    def _value(self, cell: Element) -> object:
        parts = {part.tag.rpartition("}")[2]: part for part in cell}
        kind, text = cell.get("t", "n"), parts["v"].text if "v" in parts else None
        if not text:
            without = UNSAVED if "f" in parts and kind != "str" else None
            return _text(parts["is"]) if "is" in parts else without
        with suppress(ValueError, ArithmeticError):
            match kind:
                case "s":
                    return self._file.strings[int(text)]
                case "b":
                    return text == "1"
                case "d":
                    return datetime.fromisoformat(text)
                case "n":
                    number = int(text) if text.isdecimal() else float(text)
                    is_duration = self._file.durations.get(int(cell.get("s", "0")))
                    return number if is_duration is None else from_excel(number, self._file.calendar, is_duration)
        return text


class XlsxWriter:
    """Writes a workbook with one sheet."""

    def __init__(self, path: Path, width: int) -> None:
        self._path = path
        self._workbook = Workbook(write_only=True)
        self._sheet: Any = self._workbook.create_sheet("INN")
        self._sheet.freeze_panes = "A2"
        for column in range(1, width + 1):
            self._sheet.column_dimensions[get_column_letter(column)].width = COLUMN_WIDTH

    def write(self, cells: Iterable[object]) -> None:
        """Add a row; numbers, days and text keep their types."""
        self._sheet.append([self._cell(cell) for cell in cells])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._workbook.save(self._path)

    def _cell(self, cell: object) -> object:
        if isinstance(cell, str):
            text = ILLEGAL_CHARACTERS_RE.sub(" ", cell)[:MAX_CELL]
            return self._style(text, data_type="s") if text.startswith("=") else text
        if isinstance(cell, datetime | date) and len(cell_text(cell)) == len("yyyy-mm-dd"):
            return self._style(cell, number_format=DAY)
        return None if cell is UNSAVED else cell

    def _style(self, value: Any, **style: str) -> object:
        cell = WriteOnlyCell(self._sheet, value)
        for name, what in style.items():
            setattr(cell, name, what)
        return cell


def _elements(file: IO[bytes], *names: str) -> Iterator[Element]:
    """The elements with these names, one at a time, without keeping them in memory."""
    parents: list[Element] = []
    for event, element in iterparse(file, ("start", "end")):  # noqa: S314  # expat bounds what entities expand to
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if element.tag.rpartition("}")[2] in names:
            yield element
            if parents:
                parents[-1].clear()


def _text(element: Element) -> str:
    """The text of a string, with or without runs, without its phonetic hints."""
    runs = (element, *(child for child in element if child.tag.endswith("}r")))
    return "".join(text.text or "" for run in runs for text in run if text.tag.endswith("}t"))


def _durations(file: IO[bytes]) -> dict[int, bool]:
    codes: dict[str, str] = {}
    found: dict[int, bool] = {}
    for element in _elements(file, "numFmt", "cellXfs"):
        codes[element.get("numFmtId", "")] = element.get("formatCode", "")
        for style, form in enumerate(element):
            number = int(form.get("numFmtId") or 0)
            code = codes.get(str(number), BUILTIN_FORMATS.get(number, ""))
            if number in _LOCAL_DATES or is_date_format(code):
                found[style] = is_timedelta_format(code)
    return found
