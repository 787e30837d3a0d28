"""Converts a row's cells into a request, in the contract's forms."""

import json
import re
from collections.abc import Mapping

from adapters.cli import person_fields
from adapters.cli.batch.header import DOCUMENT, FULL_NAME, INSTEAD_OF, letter_of
from adapters.cli.batch.tables import MAX_CELL, UNSAVED, Row, RowAnswer, Table, cell_text
from function.documents import PASSPORT, WrongDocument
from function.outcomes import Status
from function.result import LookupResult

SHIFTED = "the row has more cells than the heading: are there quotes around what holds a separator?"
MAX_REQUEST = 16 << 10
"""Bytes of one request: far more than any person needs, and less than the service accepts."""

NO_PERSON = RowAnswer(details="no person in this row")
_UNSAVED = "is a formula whose value is not in the file: open it in a spreadsheet program and save it"
_NO_DATE = "must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd"
_DECIMALS = re.compile(r"^([0-9]+)[.,]0+$")
_AS_TEXT = re.compile(r'="(.*)"|\'(.*)', re.DOTALL)
_TOTAL = re.compile(r"(?:итого|всего|total)\b", re.IGNORECASE)
_NAMES = frozenset({FULL_NAME, "lastName", "firstName"})
_DOCUMENT_PARTS = (DOCUMENT, "documentSerial", "documentNumber")
_OTHERS = frozenset({"birthDate", *_DOCUMENT_PARTS})


class RequestReader:
    """Reads the requests of a table's rows. `columns`: by field."""

    def __init__(self, columns: Mapping[str, int], table: Table) -> None:
        self._columns = columns
        self._table = table
        headings = {name: table.heading[column] or letter_of(column) for name, column in columns.items()}
        others = {other: heading for name, heading in headings.items() for other in INSTEAD_OF.get(name, ())}
        self._heading_of = others | headings

    def is_person(self, row: Row) -> bool:
        """Whether a row describes a person, and not a title, total, signature, repeated heading or column numbers."""
        texts = [text for text in row.texts if text]
        if texts and _TOTAL.match(texts[0]):
            return False
        if row.texts == self._table.heading or (
            texts[2:] and texts == [str(number + 1) for number in range(len(texts))]
        ):
            return False
        filled = {name for name, column in self._columns.items() if row.texts[column] or row.cells[column] is UNSAVED}
        if len(filled & _OTHERS) > 1 or (filled & _OTHERS and filled & _NAMES):
            return True
        return {"lastName", "firstName"} <= filled or (
            FULL_NAME in filled and person_fields.is_full_name(self._text(row, FULL_NAME))
        )

    def read(self, row: Row, request_id: str) -> dict[str, str]:
        """The request. Raises ValueError, which names the faults by the table's headings."""
        if row.surplus and self._table.dialect:
            raise ValueError(SHIFTED)
        faults = [f"{name}: {_UNSAVED}" for name, column in self._columns.items() if row.cells[column] is UNSAVED]
        texts = {name: self._text(row, name) for name in self._columns}
        request = {"requestId": request_id, **{name: text for name, text in texts.items() if text}}
        kind = person_fields.document_type(request.get("documentType", ""))
        request |= {"documentType": kind} if kind else {}
        try:
            if name := request.pop(FULL_NAME, ""):
                request |= zip(("lastName", "firstName", "middleName"), person_fields.full_name(name), strict=True)
        except ValueError as fault:
            faults.append(f"{FULL_NAME}: {fault}")
        document = {name: text for name in _DOCUMENT_PARTS if (text := request.pop(name, ""))}
        try:
            request |= self._document(row, kind, document)
        except WrongDocument as fault:
            # Series and number are in one cell.
            faults.append(f"{next(iter(document))}: {fault}")
        for name in ("birthDate", "documentDate"):
            if day := person_fields.parse_date(request.get(name, ""), self._table.epoch):
                request[name] = day.isoformat()
            elif name == "documentDate":
                # Not part of the person's identity.
                request.pop(name, None)
        if len(json.dumps(request, ensure_ascii=False).encode()) > MAX_REQUEST:
            raise ValueError("the row is too long")
        if faults:
            raise ValueError(self._in_table_words("; ".join(faults)))
        return request

    def answer(self, result: LookupResult) -> RowAnswer:
        """A reply, with the table's headings for field names."""
        details = self._in_table_words(result.details) if result.status is Status.REJECTED else result.details
        return RowAnswer(result.inn, result.status.value, cell_text(details)[:MAX_CELL])

    def _text(self, row: Row, name: str) -> str:
        text = row.texts[self._columns[name]]
        found = _AS_TEXT.fullmatch(text)
        return (found[1] or found[2] or "").strip() if found else text

    def _document(self, row: Row, kind: str, given: Mapping[str, str]) -> dict[str, str]:
        """Series and number, of one cell or two. Raises WrongDocument."""
        parts = {name: _DECIMALS.sub(r"\1", text) for name, text in given.items()}
        if len(parts) == 1:
            ((name, text),) = parts.items()
            is_number = text != given[name] or isinstance(row.cells[self._columns[name]], int | float)
            serial, number = person_fields.series_and_number(kind, text, is_number=is_number)
        else:
            serial, number = parts.get("documentSerial", ""), parts.get("documentNumber") or parts.get(DOCUMENT, "")
            if kind in ("", PASSPORT):
                serial, number = person_fields.passport_part(serial), person_fields.passport_part(number)
        return {name: text for name, text in (("documentSerial", serial), ("documentNumber", number)) if text}

    def _in_table_words(self, details: str) -> str:
        """Replace the contract's field names by headings, and its date form by a table's."""
        faults = []
        for fault in details.split("; "):
            name, sign, text = fault.partition(": ")
            text = _NO_DATE if text.startswith("must be an ISO date") else text
            faults.append(f"{self._heading_of.get(name, name)}{sign}{text}")
        return "; ".join(dict.fromkeys(faults))
