"""Rows of a table, independent of the file's format, and their answers."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice, repeat
from typing import NamedTuple, Protocol

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
            return " ".join(_CONTROLS.sub(" ", cell).split())
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


class Source(Protocol):
    """A file, or a sheet of it, that can be read repeatedly."""

    description: str
    """How it is read, for messages."""
    columns_may_shift: bool
    """Whether an unquoted separator moves the following cells into other columns."""
    epoch: date
    """Day 0 of serial numbers of days."""

    def records(self, width: int = 0) -> Iterator[Sequence[object]]:
        """The cells of each row. `width`: columns of the heading, 0: unknown. Raises Failure."""


class Table(NamedTuple):
    """The rows of a source below its heading; `above`: rows up to the heading's last one."""

    source: Source
    heading: list[str]
    above: int

    def rows(self) -> Iterator[Row]:
        """The rows in order, without blank ones at the end, of which spreadsheets can have a million."""
        blanks = 0
        width = len(self.heading)
        for record in islice(self.source.records(width), self.above, None):
            row = make_row(record, width)
            if not row.surplus and not any(row.texts) and UNSAVED not in record:
                blanks += 1
                continue
            yield from repeat(make_row((), width), blanks)
            blanks = 0
            yield row
