"""The answer to a row, and how an earlier output tells which rows have theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from adapters.cli.batch.cells import MAX_CELL, text_of
from adapters.cli.batch.rows import Row
from adapters.cli.batch.tables import Table
from adapters.cli.errors import WRONG_USE, Failure
from function.outcomes import Status
from function.result import LookupResult

_DATES = ("must be an ISO date, YYYY-MM-DD", "must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd")
"""What the service says of a date, and what it is to those whose tables may hold more than the contract does."""

HEADINGS = ("inn", "status", "details")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is written behind a row's own cells."""

    inn: str = ""
    status: str = ""
    details: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """In the order of HEADINGS."""
        return self.inn, self.status, self.details

    @property
    def settled(self) -> bool:
        """Whether the row need not be asked for again. What failed is: the next run may have more luck."""
        return self.status not in ("", Status.FAILED)

    @classmethod
    def of(cls, result: LookupResult) -> "Answer":
        """A reply, as it is written."""
        details = result.details.replace(*_DATES) if result.status is Status.REJECTED else result.details
        return cls(result.inn, result.status.value, text_of(details)[:MAX_CELL])


NONE_YET = Answer()


def failed(why: str) -> Answer:
    """The answer to a row that has none, whatever the reason: the next run asks again."""
    return Answer("", Status.FAILED.value, why)


def rejected(why: str) -> Answer:
    """The answer to a row that the service need not see."""
    return Answer("", Status.REJECTED.value, why)


def _is_of(held: object, text: str) -> bool:
    """Whether an output's cell is the input's; a spreadsheet holds only the beginning of one that is too long."""
    told = text_of(held)
    return told == text or (isinstance(held, str) and len(held) == MAX_CELL and text.startswith(told))


class Known:
    """The answers in an earlier output of the same input, row by row beside the input's. Raises Failure if it is not."""

    def __init__(self, table: Table | None, name: str, heading: Sequence[str]) -> None:
        self._name = name
        self._width = len(heading)
        self._records: Iterator[Sequence[object]] = iter(())
        self._number = 1
        if table is not None:
            if table.heading != [*heading, *HEADINGS]:
                raise self._stranger("its headings are not the input's, then inn, status, details")
            self._records = table.rows()

    def of(self, row: Row) -> Answer | None:
        """The answer to the next row; None where the output has ended."""
        self._number += 1
        cells = next(self._records, None)
        if cells is None:
            return None
        width = self._width + len(HEADINGS)
        held = [*islice(cells, width)]
        held += [""] * (width - len(held))
        if not all(map(_is_of, held, row.texts)):
            raise self._stranger(f"row {self._number} is not the input's")
        return Answer(*map(text_of, held[self._width :]))

    def check_end(self) -> None:
        """See that nothing is left of it when the input has ended."""
        if any(any(map(text_of, cells)) for cells in self._records):
            raise self._stranger("it has more rows")

    def _stranger(self, why: str) -> Failure:
        return Failure(f"{self._name} belongs to another input ({why}): move it away, or choose another -o", WRONG_USE)
