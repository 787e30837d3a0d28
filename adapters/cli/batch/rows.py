"""Rows of the input, and the requests that they stand for."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.cli.batch.cells import text_of
from adapters.cli.batch.headings import DOCUMENT
from adapters.cli.batch.tables import Table
from adapters.cli.typed import iso_date, series_and_number, two_digits

MAX_REQUEST = 16 << 10
"""Bytes of one request: so many fit into a batch that the service takes them all."""

SHIFTED = "the row has more cells than the heading: are there quotes around what holds a separator?"

_DECIMALS = re.compile(r"(\d+)[.,]0+")
_DATES = frozenset({"birthDate", "documentDate"})
_DIGITS = frozenset({"documentType", "documentSerial", "documentNumber", DOCUMENT})


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the heading.

    `cells` are as many as headings, `surplus` what stands beyond them; `fault`: why it can't be asked for, "" if it can.
    """

    cells: Sequence[object]
    texts: Sequence[str]
    surplus: Sequence[object] = ()
    fault: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return not any(self.texts)


def rows_of(table: Table) -> Iterator[Row]:
    """The rows of a table, without the blank ones at its end, of which spreadsheets can have a million."""
    blanks = 0
    for cells in table.rows():
        row = _row(cells, table)
        if row.blank and not row.surplus:
            blanks += 1
            continue
        for _ in range(blanks):
            yield _row((), table)
        blanks = 0
        yield row


def request_of(row: Row, columns: Mapping[str, int], request_id: str) -> dict[str, str] | str:
    """The request that asks for this row, or why there is none."""
    if row.fault:
        return row.fault
    texts = {field: _tidied(field, row.texts[column]) for field, column in columns.items()}
    document = texts.pop(DOCUMENT, "")
    if document and not texts.get("documentNumber"):
        parts = series_and_number(texts.get("documentType", ""), document)
        texts["documentSerial"], texts["documentNumber"] = parts
    request = {"requestId": request_id, **{field: text for field, text in texts.items() if text}}
    if len(json.dumps(request, ensure_ascii=False).encode()) > MAX_REQUEST:
        return "the row is too long"
    return request


def _row(cells: Sequence[object], table: Table) -> Row:
    width = len(table.heading)
    known = (*cells[:width], *([None] * (width - len(cells))))
    surplus = cells[width:] if any(map(text_of, cells[width:])) else ()
    return Row(known, [text_of(cell) for cell in known], surplus, SHIFTED if surplus and table.shifts else "")


def _tidied(field: str, text: str) -> str:
    if field in _DATES:
        return iso_date(text)
    if field in _DIGITS and (whole := _DECIMALS.fullmatch(text)):
        text = whole[1]
    return two_digits(text) if field == "documentType" else text
