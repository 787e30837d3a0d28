"""XLSX files, by openpyxl's modes that read and write row by row."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from adapters.cli.batch.cells import MAX_CELL, text_of
from adapters.cli.errors import WRONG_USE, Failure

COLUMN_WIDTH = 18
DAY = "dd.mm.yyyy"


class XlsxTable:
    """The first sheet of a workbook, to read. Raises Failure where there is none.

    A workbook is opened as seldom as can be: openpyxl looks for a sheet's size first, and where a
    file does not say it, goes through all of its rows.
    """

    shifts = False
    how = "its first sheet is read"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._about = 0
        self._opened: Iterator[Sequence[object]] | None = self._records()
        self.heading = [text_of(cell) for cell in next(self._opened, ())]
        while self.heading and not self.heading[-1]:
            self.heading.pop()

    def about(self) -> int:
        """How many rows the workbook says it has; 0 where it does not say."""
        return self._about

    def check(self) -> None:
        """Nothing to see: in a workbook no cell runs into the next."""

    def rows(self) -> Iterator[Sequence[object]]:
        """What stands below the heading."""
        records, self._opened = self._opened, None
        if records is None:
            records = self._records()
            next(records, None)
        yield from records

    def _records(self) -> Iterator[Sequence[object]]:
        """From the heading on: the first row that is not blank."""
        with self._sheet() as sheet:
            self._about = max(0, (sheet.max_row or 1) - 1)
            # What a file says of its size is often wrong, and would cut rows off.
            sheet.reset_dimensions()
            begun = False
            for cells in sheet.iter_rows(values_only=True):
                begun = begun or any(map(text_of, cells))
                if begun:
                    yield cells

    @contextmanager
    def _sheet(self) -> Iterator[Any]:
        with warnings.catch_warnings():
            # Of styles and extensions that it leaves out.
            warnings.simplefilter("ignore")
            try:
                workbook = load_workbook(self._path, read_only=True, data_only=True)
            except (BadZipFile, InvalidFileException, KeyError, ValueError):
                raise Failure(f"{self._path} is no XLSX file, or is damaged", WRONG_USE) from None
        try:
            if not workbook.worksheets:
                raise Failure(f"{self._path} has no sheet", WRONG_USE)
            yield workbook.worksheets[0]
        finally:
            workbook.close()


class XlsxWriter:
    """A workbook with one sheet, to write."""

    def __init__(self, path: Path, width: int) -> None:
        self._path = path
        self._workbook = Workbook(write_only=True)
        self._sheet: Any = self._workbook.create_sheet("INN")
        self._sheet.freeze_panes = "A2"
        for column in range(1, width + 1):
            self._sheet.column_dimensions[get_column_letter(column)].width = COLUMN_WIDTH

    def write(self, cells: Iterable[object]) -> None:
        """Add a row; numbers, days and text stay what they are."""
        self._sheet.append([self._cell(cell) for cell in cells])

    def close(self) -> None:
        """Bring all of it to the file."""
        self._workbook.save(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()

    def _cell(self, cell: object) -> object:
        if isinstance(cell, str):
            text = ILLEGAL_CHARACTERS_RE.sub(" ", cell)[:MAX_CELL]
            return self._made(text, data_type="s") if text.startswith("=") else text
        if isinstance(cell, datetime | date) and len(text_of(cell)) == len("yyyy-mm-dd"):
            return self._made(cell, number_format=DAY)
        return cell

    def _made(self, value: Any, **more: str) -> object:
        made = WriteOnlyCell(self._sheet, value)
        for name, what in more.items():
            setattr(made, name, what)
        return made
