"""Rows of a table, independent of the file's format, and their answers."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice, repeat
from typing import NamedTuple

from adapters.cli.person_fields import EXCEL_EPOCH
from function.outcomes import Status

ANSWER_HEADINGS = ("inn", "status", "details")
MAX_CELL = 32_767
"""Characters of a spreadsheet's cell."""
UNSAVED = object()
"""A cell with a formula whose value is not in the file."""

# Spreadsheets cannot hold most of them: in all formats they count as spaces.
_CONTROLS = re.compile(r"[\x00-\x1f]+")


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


Write = Callable[[Iterable[object]], object]
"""Adds a row to an output."""


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
