"""What a document holds, to and fro: what is personal goes in sealed, bound to the document that it stands in."""

from datetime import timedelta
from typing import Any

from pydantic_core import from_json, to_json

from adapters.mongodb.connection import Document
from adapters.mongodb.part import Seals
from function.history import HistoryRow, person_fields
from function.outcomes import Answer, Status
from function.request import LookupRequest

_INN_OF = b"answers "
_ROW_OF = b"history "


def answer_document(person: bytes, answer: Answer, seals: Seals) -> Document:
    """The document that keeps an answer. A time that is missing in it never comes."""
    document: Document = {
        "_id": person,
        "status": answer.status.value,
        "provider": answer.provider,
        "fetched_at": answer.fetched_at,
    }
    if answer.inn:
        document["inn"] = seals.seal(answer.inn.encode(), _INN_OF + person)
    if answer.expires_at is not None:
        document["expires_at"] = answer.expires_at
    return document


def answer_of(document: Document, seals: Seals) -> Answer | None:
    """The answer in a document; None where the key that sealed it is gone."""
    inn = b""
    if "inn" in document:
        opened = seals.open(document["inn"], _INN_OF + document["_id"])
        if opened is None:
            return None
        inn = opened
    return Answer(
        Status(document["status"]),
        inn.decode(),
        document["provider"],
        document["fetched_at"],
        document.get("expires_at"),
    )


def row_id(person: bytes, request_id: Any) -> Document:
    """The `_id` of a row. The person comes first: all rows of one person are a span of the index."""
    return {"person": person, "request": request_id}


def row_document(
    person: bytes, request: LookupRequest, answer: Answer, lasts: timedelta | None, seals: Seals
) -> Document:
    """The document that keeps a row of history for so long; None: for ever."""
    personal = to_json({"person": person_fields(request), "inn": answer.inn})
    document: Document = {
        "_id": row_id(person, request.request_id),
        "time": answer.fetched_at,
        "status": answer.status.value,
        "provider": answer.provider,
        "sealed": seals.seal(personal, _place_of_row(person, request.request_id)),
    }
    if lasts is not None:
        document["expires_at"] = answer.fetched_at + lasts
    return document


def row_of(document: Document, seals: Seals) -> HistoryRow:
    """The row in a document, revealed where it holds its seal and the key is there still."""
    key = document["_id"]
    opened = None
    if "sealed" in document:
        opened = seals.open(document["sealed"], _place_of_row(key["person"], key["request"]))
    personal = {} if opened is None else from_json(opened)
    return HistoryRow(
        key["request"],
        document["time"],
        Status(document["status"]),
        document["provider"],
        personal.get("person"),
        personal.get("inn"),
    )


def _place_of_row(person: bytes, request_id: str) -> bytes:
    return _ROW_OF + person + request_id.encode()
