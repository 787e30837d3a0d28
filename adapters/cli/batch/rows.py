"""Rows of the input, and the requests that they stand for."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.cli.batch.cells import text_of
from adapters.cli.batch.headings import DOCUMENT
from adapters.cli.typed import iso_date, series_and_number, two_digits

MAX_REQUEST = 16 << 10
"""Bytes of one request: so many fit into a batch that the service takes them all."""

_DECIMALS = re.compile(r"(\d+)[.,]0+")
_DATES = frozenset({"birthDate", "documentDate"})
_DIGITS = frozenset({"documentType", "documentSerial", "documentNumber", DOCUMENT})


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the heading. `cells` are as many as headings; `fault`: why it can't be asked for, "" if it can."""

    cells: Sequence[object]
    texts: Sequence[str]
    fault: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return not any(self.texts)


def rows_of(records: Iterable[Sequence[object]], width: int) -> Iterator[Row]:
    """The rows of a table, without the blank ones at its end, of which spreadsheets can have a million."""
    blanks = 0
    for cells in records:
        row = _row(cells, width)
        if row.blank and not row.fault:
            blanks += 1
            continue
        for _ in range(blanks):
            yield _row((), width)
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


def _row(cells: Sequence[object], width: int) -> Row:
    surplus = any(map(text_of, cells[width:]))
    known = (*cells[:width], *([None] * (width - len(cells))))
    fault = (
        "the row has more cells than the heading: are there quotes around what holds a separator?" if surplus else ""
    )
    return Row(known, [text_of(cell) for cell in known], fault)


def _tidied(field: str, text: str) -> str:
    if field in _DATES:
        return iso_date(text)
    if field in _DIGITS and (whole := _DECIMALS.fullmatch(text)):
        text = whole[1]
    return two_digits(text) if field == "documentType" else text
