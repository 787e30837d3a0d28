"""Rows of a table, whatever kind of file it is in, and the answers that are written behind them."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice, repeat
from typing import NamedTuple, Protocol

from function.outcomes import Status

ANSWER_HEADINGS = ("inn", "status", "details")
MAX_CELL = 32_767
"""Characters that a spreadsheet's cell holds."""
UNSAVED = object()
"""A cell with a formula whose value is not in the file."""

# A spreadsheet has no room for most of them: in every kind of file they count as spaces.
_CONTROLS = re.compile(r"[\x00-\x1f]+")


def text_of(cell: object) -> str:
    """One line of text, without spaces around it: a whole number without its decimals, a day in ISO form."""
    match cell:
        case str():
            return " ".join(_CONTROLS.sub(" ", cell).split())
        case None:
            return ""
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime():
            # Spreadsheets keep time as a fraction of a day, which is never quite a second.
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
            return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return "" if cell is UNSAVED else str(cell)


class RowAnswer(NamedTuple):
    """What is written behind a row's own cells, in the order of ANSWER_HEADINGS."""

    inn: str = ""
    status: str = ""
    details: str = ""

    @property
    def final(self) -> bool:
        """Whether the row need not be asked for again; one that failed gets another chance in the next run."""
        return self.status not in ("", Status.FAILED)


NO_ANSWER = RowAnswer()


class Row(NamedTuple):
    """One row below the heading: `cells`, their `texts`, as many as headings; `surplus`: what stands beyond them."""

    cells: Sequence[object]
    texts: list[str]
    surplus: Sequence[object]


def row_of(record: Sequence[object], width: int) -> Row:
    """A source's record as a row of so many cells."""
    cells = [*record[:width], *[None] * (width - len(record))]
    surplus = record[width:]
    return Row(cells, [*map(text_of, cells)], surplus if any(map(text_of, surplus)) else ())


class Source(Protocol):
    """A file, or a sheet of it, that can be read any number of times."""

    how: str
    """How it is read, for the person who wonders why it is not understood."""
    shifts: bool
    """Whether a separator that nobody meant moves the cells behind it into the columns of others."""
    epoch: date
    """The day 0 of its serial numbers of days."""

    def records(self, width: int = 0) -> Iterator[Sequence[object]]:
        """The cells of each row. `width`: columns of the heading, once they are known. Raises Failure."""


class Table(NamedTuple):
    """The rows of a source below its heading, which ends in its row `above`."""

    source: Source
    heading: list[str]
    above: int

    def rows(self) -> Iterator[Row]:
        """Every row, in order, without the blank ones at the end, of which spreadsheets can have a million."""
        blanks = 0
        width = len(self.heading)
        for record in islice(self.source.records(width), self.above, None):
            row = row_of(record, width)
            if not row.surplus and not any(row.texts) and UNSAVED not in record:
                blanks += 1
                continue
            yield from repeat(row_of((), width), blanks)
            blanks = 0
            yield row
