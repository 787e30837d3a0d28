"""Rows of a table, whatever kind of file it is in, and the answers that are written behind them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

from function.outcomes import Status
from function.result import LookupResult

ANSWER_HEADINGS = ("inn", "status", "details")
MAX_CELL = 32_767
"""Characters that a spreadsheet's cell holds."""
UNSAVED = object()
"""A cell with a formula whose value is not in the file."""

SHIFTED = "the row has more cells than the heading: are there quotes around what holds a separator?"
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


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What is written behind a row's own cells."""

    inn: str = ""
    status: str = ""
    details: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """In the order of ANSWER_HEADINGS."""
        return self.inn, self.status, self.details

    @property
    def final(self) -> bool:
        """Whether the row need not be asked for again; one that failed gets another chance in the next run."""
        return self.status not in ("", Status.FAILED)

    @classmethod
    def of(cls, result: LookupResult, details: str | None = None) -> "RowAnswer":
        """A reply, as it is written."""
        return cls(result.inn, result.status.value, text_of(result.details if details is None else details)[:MAX_CELL])


NO_ANSWER = RowAnswer()


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the heading.

    `cells` are as many as headings, `surplus` what stands beyond them; `fault`: why it can't be asked for, "" if it can.
    """

    cells: Sequence[object]
    texts: Sequence[str]
    surplus: Sequence[object] = ()
    fault: str = ""


class Source(Protocol):
    """A file, or a sheet of it, that can be read any number of times."""

    shifts: bool
    """Whether a separator that nobody meant moves the cells behind it into the columns of others."""
    epoch: date
    """The day 0 of its serial numbers of days."""

    @property
    def how(self) -> str:
        """How it is read, for the person who wonders why it is not understood."""

    def records(self, width: int = 0) -> Iterator[Sequence[object]]:
        """The cells of each row. `width`: columns of the heading, once they are known. Raises Failure."""


class Table:
    """The rows of a source below its heading, which ends in its row `above`.

    `trim`: leave out the blank rows at the end, of which spreadsheets can have a million.
    """

    def __init__(self, source: Source, heading: Sequence[str], above: int, *, trim: bool = True) -> None:
        self.source = source
        self.heading = [*heading]
        self._above = above
        self._trim = trim

    @classmethod
    def with_heading_first(cls, source: Source) -> "Table":
        """A table that was written here: its first row that is not blank holds the headings."""
        for number, record in enumerate(source.records(), 1):
            if any(texts := [*map(text_of, record)]):
                return cls(source, texts, number, trim=False)
        return cls(source, [], 0)

    def rows(self) -> Iterator[Row]:
        """Every row, in order."""
        blanks = 0
        width = len(self.heading)
        records = self.source.records(width)
        for _ in zip(range(self._above), records, strict=False):
            pass
        for record in records:
            texts = [*map(text_of, record[:width])]
            surplus = record[width:] if any(map(text_of, record[width:])) else ()
            if self._trim and not surplus and not any(texts) and UNSAVED not in record:
                blanks += 1
                continue
            for _ in range(blanks):
                yield Row([None] * width, [""] * width)
            blanks = 0
            missing = width - len(texts)
            yield Row(
                (*record[:width], *[None] * missing),
                [*texts, *[""] * missing],
                surplus,
                SHIFTED if surplus and self.source.shifts else "",
            )
