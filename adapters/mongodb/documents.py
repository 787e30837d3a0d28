"""Documents from and to the core's values: personal data is encrypted, bound to the document that it stands in."""

from datetime import timedelta
from typing import Any

from pydantic_core import from_json, to_json

from adapters.mongodb.client import Encryption
from adapters.mongodb.pipelines import Document
from function.history import HistoryRow, person_fields
from function.outcomes import Answer, Status
from function.ports import Ticket
from function.request import LookupRequest

_INN_CONTEXT = b"answers "
_ROW_CONTEXT = b"history "
_TICKET_CONTEXT = b"tickets "


def answer_document(person: bytes, answer: Answer, encryption: Encryption) -> Document:
    """The document of an answer. Without `expires_at` it stays."""
    document: Document = {"_id": person, "status": answer.status.value, "provider": answer.provider}
    document["fetched_at"] = answer.fetched_at
    if answer.inn:
        document["inn"] = encryption.encrypt(answer.inn.encode(), _INN_CONTEXT + person)
    if answer.expires_at is not None:
        document["expires_at"] = answer.expires_at
    return document


def answer_of(document: Document, encryption: Encryption) -> Answer | None:
    """The answer in a document; None where its key is gone."""
    status, provider, fetched_at = Status(document["status"]), document["provider"], document["fetched_at"]
    inn = encryption.decrypt(document["inn"], _INN_CONTEXT + document["_id"]) if "inn" in document else b""
    return None if inn is None else Answer(status, inn.decode(), provider, fetched_at, document.get("expires_at"))


def ticket_document(person: bytes, ticket: Ticket, encryption: Encryption) -> Document:
    """What is kept of a ticket, in the document of its person."""
    return {"encrypted": encryption.encrypt(ticket.to_json(), _TICKET_CONTEXT + person), "until": ticket.expires_at}


def ticket_of(document: Document, encryption: Encryption) -> Ticket | None:
    """The ticket in a document; None where there is none, or its key is gone."""
    if "ticket" not in document:
        return None
    decrypted = encryption.decrypt(document["ticket"]["encrypted"], _TICKET_CONTEXT + document["_id"])
    return None if decrypted is None else Ticket.from_json(decrypted)


def row_id(person: bytes, request_id: Any) -> Document:
    """The `_id` of a row. The person comes first: all rows of one person are a range of the index."""
    return {"person": person, "request": request_id}


def row_document(
    person: bytes, request: LookupRequest, answer: Answer, lasts: timedelta | None, encryption: Encryption
) -> Document:
    """The document of a row of history that `lasts` so long; None: for ever."""
    personal = to_json({"person": person_fields(request), "inn": answer.inn})
    document: Document = {
        "_id": row_id(person, request.request_id),
        "time": answer.fetched_at,
        "status": answer.status.value,
        "provider": answer.provider,
        "sealed": encryption.encrypt(personal, _row_context(person, request.request_id)),
    }
    if lasts is not None:
        document["expires_at"] = answer.fetched_at + lasts
    return document


def row_of(document: Document, encryption: Encryption) -> HistoryRow:
    """The row in a document; with the person where `sealed` was read and its key is not gone."""
    person, request_id = document["_id"]["person"], document["_id"]["request"]
    sealed = document.get("sealed")
    decrypted = encryption.decrypt(sealed, _row_context(person, request_id)) if sealed else None
    personal = from_json(decrypted) if decrypted else {}
    status = Status(document["status"])
    time, provider = document["time"], document["provider"]
    return HistoryRow(request_id, time, status, provider, personal.get("person"), personal.get("inn"))


def _row_context(person: bytes, request_id: str) -> bytes:
    return _ROW_CONTEXT + person + request_id.encode()
