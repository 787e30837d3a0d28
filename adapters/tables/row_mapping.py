"""Converts a row's cells into a request, in the contract's forms, and the reply into the row's answer."""

import json
import re
from typing import NamedTuple

from adapters.tables import person_values
from adapters.tables.header import DOCUMENT, FULL_NAME, INSTEAD_OF, LETTERS
from adapters.tables.table_file import UNSAVED, Row, Table, cell_text
from function.documents import WrongDocument
from function.outcomes import Status
from function.result import LookupResult

MAX_REQUEST = 16 << 10  # bytes of one request: far more than any person needs, and less than the service accepts

_UNSAVED = "is a formula whose value is not in the file: open it in a spreadsheet program and save it"
_DECIMALS = re.compile(r"^([0-9]+)[.,]0+$")
_AS_TEXT = re.compile(r'="(.*)"|\'(.*)', re.DOTALL)
_TOTAL = re.compile(r"(?:итого|всего|total)\b", re.IGNORECASE)
_DOCUMENT_PARTS = ("documentSerial", "documentNumber", DOCUMENT)
_OF_PERSONS = frozenset({FULL_NAME, "lastName", "firstName", "birthDate", *_DOCUMENT_PARTS})


class RowAnswer(NamedTuple):
    """The cells that are appended to a row, by their headings."""

    inn: str = ""
    status: str = ""
    details: str = ""


ANSWER_HEADINGS = RowAnswer._fields
NO_PERSON = RowAnswer(details="no person in this row")


def is_person(table: Table, row: Row) -> bool:
    """Whether a row describes a person, and not a title, total, signature, repeated heading or column numbers."""
    texts = [text for text in row.texts if text]
    is_numbered = texts[2:] and texts == [str(number) for number, _ in enumerate(texts, 1)]
    if row.texts == table.heading or is_numbered or (texts and _TOTAL.match(texts[0])):
        return False
    filled = {name for name, column in table.columns.items() if row.texts[column] or row.cells[column] is UNSAVED}
    # A title in the column of whole names is none.
    whole_name = _text(row, table.columns[FULL_NAME]) if FULL_NAME in filled else ""
    return len(filled & _OF_PERSONS) > 1 or person_values.is_full_name(whole_name)


def read_request(table: Table, row: Row, request_id: str) -> dict[str, str]:
    """The request. Raises ValueError, which names the faults by the table's headings."""
    if row.surplus and table.dialect:
        raise ValueError("the row has more cells than the heading: are there quotes around what holds a separator?")
    faults = [f"{name}: {_UNSAVED}" for name, column in table.columns.items() if row.cells[column] is UNSAVED]
    texts = {name: _text(row, column) for name, column in table.columns.items()}
    request = {"requestId": request_id, **{name: text for name, text in texts.items() if text}}
    request["documentType"] = kind = person_values.document_type(request.get("documentType", ""))
    if name := request.pop(FULL_NAME, ""):
        try:
            request |= zip(INSTEAD_OF[FULL_NAME], person_values.full_name(name), strict=True)
        except ValueError as fault:
            faults.append(f"{FULL_NAME}: {fault}")
    if document := {name: text for name in _DOCUMENT_PARTS if (text := request.pop(name, ""))}:
        parts = [_DECIMALS.sub(r"\1", text) for text in document.values()]
        name = next(iter(document))  # series and number in one cell: the first one
        is_number = parts[0] != document[name] or isinstance(row.cells[table.columns[name]], int | float)
        try:
            pair = person_values.series_and_number(kind, *parts, is_number=is_number)
            request |= zip(INSTEAD_OF[DOCUMENT], pair, strict=True)
        except WrongDocument as fault:
            faults.append(f"{name}: {fault}")
    days = {
        name: person_values.parse_date(request.get(name, ""), table.epoch) for name in ("birthDate", "documentDate")
    }
    # A date of issue that is none is left out: it is not part of the person's identity.
    request |= {"documentDate": ""} | {name: day.isoformat() for name, day in days.items() if day}
    if len(json.dumps(request, ensure_ascii=False).encode()) > MAX_REQUEST:
        raise ValueError("the row is too long")
    if faults:
        raise ValueError(_in_table_words(table, "; ".join(faults)))
    return {name: text for name, text in request.items() if text}


def read_answer(table: Table, result: LookupResult) -> RowAnswer:
    """A reply, with the table's headings for field names."""
    details = _in_table_words(table, result.details) if result.status is Status.REJECTED else result.details
    return RowAnswer(result.inn, result.status.value, cell_text(details))


def _text(row: Row, column: int) -> str:
    found = _AS_TEXT.fullmatch(row.texts[column])
    return (found[1] or found[2] or "").strip() if found else row.texts[column]


def _in_table_words(table: Table, details: str) -> str:
    """Replace the contract's field names by headings, and its date form by a table's."""
    headings = {name: table.heading[column] or LETTERS[column] for name, column in table.columns.items()}
    headings = {part: heading for name, heading in headings.items() for part in INSTEAD_OF.get(name, ())} | headings
    faults = []
    for fault in details.split("; "):
        name, sign, text = fault.partition(": ")
        text = person_values.DATE_FORM if text.startswith("must be an ISO date") else text
        faults.append(f"{headings.get(name, name)}{sign}{text}")
    return "; ".join(dict.fromkeys(faults))
