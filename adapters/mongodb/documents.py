"""Maps the core's values to MongoDB documents and back. Personal data is encrypted, and bound to its document."""

from datetime import timedelta
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from function.history_and_erasure import HistoryRow, person_fields
from function.outcomes import Answer, Status
from function.person import Person
from function.ports import Ticket
from function.request import LookupRequest

Document = dict[str, Any]

_INN_CONTEXT = b"answers "
_ROW_CONTEXT = b"history "
_TICKET_CONTEXT = b"tickets "


class Encryption(Protocol):
    """Keyed hashes and encryption; a hash begins with the name of its key, and all have one length."""

    @property
    def key_names(self) -> list[bytes]:
        """The names of the keys, newest first, each once."""

    def hashes(self, person: Person) -> list[bytes]:
        """The hash of the person under each key, each once, newest first."""

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """Encrypt with the newest key, bound to a context."""

    def decrypt(self, encrypted: bytes, context: bytes) -> bytes | None:
        """Decrypt what was encrypted for this context; None if its key was removed."""


def answer_document(person: bytes, answer: Answer, encryption: Encryption) -> Document:
    """The document of an answer. Without `expires_at` it is kept for ever."""
    document: Document = {"_id": person, "status": answer.status.value, "provider": answer.provider}
    document["fetched_at"] = answer.fetched_at
    if answer.inn:
        document["inn"] = encryption.encrypt(answer.inn.encode(), _INN_CONTEXT + person)
    if answer.expires_at is not None:
        document["expires_at"] = answer.expires_at
    return document


def answer_of(document: Document, encryption: Encryption) -> Answer | None:
    """The answer in a document; None if its key was removed."""
    status, provider, fetched_at = Status(document["status"]), document["provider"], document["fetched_at"]
    inn = encryption.decrypt(document["inn"], _INN_CONTEXT + document["_id"]) if "inn" in document else b""
    return None if inn is None else Answer(status, inn.decode(), provider, fetched_at, document.get("expires_at"))


def ticket_document(person: bytes, ticket: Ticket, encryption: Encryption) -> Document:
    """The field `ticket` of a person's document."""
    return {"encrypted": encryption.encrypt(ticket.to_json(), _TICKET_CONTEXT + person), "until": ticket.expires_at}


def ticket_of(document: Document, encryption: Encryption) -> Ticket | None:
    """The ticket in a document; None without a ticket, or if its key was removed."""
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
    """The document of a row of history. `lasts` None: it is kept for ever."""
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
    """The row in a document; with the person if `sealed` was read and can be decrypted."""
    person, request_id = document["_id"]["person"], document["_id"]["request"]
    sealed = document.get("sealed")
    decrypted = encryption.decrypt(sealed, _row_context(person, request_id)) if sealed else None
    personal = from_json(decrypted) if decrypted else {}
    status = Status(document["status"])
    time, provider = document["time"], document["provider"]
    return HistoryRow(request_id, time, status, provider, personal.get("person"), personal.get("inn"))


def _row_context(person: bytes, request_id: str) -> bytes:
    return _ROW_CONTEXT + person + request_id.encode()
