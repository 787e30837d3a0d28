"""Maps the core's values to MongoDB documents and back, and builds the pipelines that update them.

Personal data is encrypted, and bound to its document. Each pipeline is one atomic step on the server, by its clock.
"""

from datetime import timedelta
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from function.history import HistoryRow, person_fields
from function.outcomes import Answer, Status
from function.person import Person
from function.ports import Ticket
from function.request import LookupRequest

Document = dict[str, Any]
Pipeline = list[Document]

_INN_CONTEXT = b"answers "
_ROW_CONTEXT = b"history "
_TICKET_CONTEXT = b"tickets "
_UNEXPIRED: Document = {"$or": [{"$eq": [{"$type": "$expires_at"}, "missing"]}, {"$gt": ["$expires_at", "$$NOW"]}]}
_HAS_STATUS: Document = {"$ne": [{"$type": "$status"}, "missing"]}
_ANSWERED: Document = {"$and": [_HAS_STATUS, _UNEXPIRED]}
# A missing field is smaller than every time.
_CLAIMED: Document = {"$gt": ["$claim.until", "$$NOW"]}
_HAS_TICKET: Document = {"$gt": ["$ticket.until", "$$NOW"]}


class Encryption(Protocol):
    """Keyed hashes and encryption; a hash begins with the name of its key, and all have one length."""

    @property
    def key_names(self) -> list[bytes]:
        """The names of the keys, newest first."""

    def hash(self, person: Person) -> bytes:
        """The hash of the person under the newest key."""

    def hashes(self, person: Person) -> list[bytes]:
        """The hash of the person under each key, newest first."""

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


def claim(wanted: Document, lease: float) -> Pipeline:
    """Claim the document unless it holds an answer or another's claim. `wanted`: with a token; `lease`: seconds.

    The claim replaces an expired answer, which the TTL monitor would remove together with the claim.
    An unexpired ticket stays, else the wanted one (adopted from a document under an older key) replaces it.
    The document lives as long as its claim and its ticket.
    """
    until, ticket = _in(lease), wanted.get("ticket")
    adopted, ends = ("$$REMOVE", []) if ticket is None else ({"$literal": ticket}, [ticket["until"]])
    claimed = {
        "_id": "$_id",
        "claim": {"token": {"$literal": wanted["claim"]["token"]}, "until": until},
        "ticket": {"$cond": [_HAS_TICKET, "$ticket", adopted]},
        "expires_at": {"$max": [until, "$ticket.until", *ends]},
    }
    return [{"$replaceWith": {"$cond": [{"$or": [_ANSWERED, _CLAIMED]}, "$$ROOT", claimed]}}]


def keep_ticket(token: str, ticket: Document, wait: float) -> Pipeline:
    """Store the ticket, and end this claim in `wait` seconds; no change if another worker has changed the document.

    The claim loses its token, so that a late release or renewal does not apply to it.
    """
    until = _in(wait)
    pending = {
        "_id": "$_id",
        "claim": {"until": until},
        "ticket": {"$literal": ticket},
        "expires_at": {"$max": [until, ticket["until"]]},
    }
    lost = {"$and": [{"$not": [_is_claimed_by(token)]}, {"$or": [_CLAIMED, _HAS_TICKET]}]}
    return [{"$replaceWith": {"$cond": [{"$or": [_ANSWERED, lost]}, "$$ROOT", pending]}}]


def renew(lease: float) -> Pipeline:
    """Restart the lease of the document's claim."""
    until = _in(lease)
    expires_at = {"$cond": [_HAS_STATUS, "$expires_at", {"$max": [until, "$ticket.until"]}]}
    return [{"$set": {"claim.until": until, "expires_at": expires_at}}]


def keep_answer(document: Document, token: str) -> Pipeline:
    """Store the answer unless a later one is there; end this claim and its ticket, but not another worker's claim."""
    return [
        {"$set": {"claim": {"$cond": [_is_claimed_by(token), "$$REMOVE", "$claim"]}}},
        _replace_unless_later("fetched_at", document, {"$mergeObjects": [{"$literal": document}, {"claim": "$claim"}]}),
    ]


def keep_row(document: Document) -> Pipeline:
    """Store the row of history unless a later one is there."""
    return [_replace_unless_later("time", document, {"$literal": document})]


def find_claims(keys: list[bytes]) -> Pipeline:
    """The documents under these keys, with `claimed`, and without expired tickets."""
    ticket = {"$cond": [_HAS_TICKET, "$ticket", "$$REMOVE"]}
    return [{"$match": {"_id": {"$in": keys}}}, {"$set": {"claimed": _CLAIMED, "ticket": ticket}}]


def _in(seconds: float) -> Document:
    return {"$add": ["$$NOW", round(seconds * 1000)]}


def _is_claimed_by(token: str) -> Document:
    return {"$eq": ["$claim.token", {"$literal": token}]}


def _replace_unless_later(field: str, document: Document, replacement: Document) -> Document:
    is_later = {"$gte": [f"${field}", {"$literal": document[field]}]}
    return {"$replaceWith": {"$cond": [is_later, "$$ROOT", replacement]}}
