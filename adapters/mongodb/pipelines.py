"""The pipelines that read and update answers, claims and tickets: each is one atomic step on the server, by its clock."""

from adapters.mongodb.documents import Document

Pipeline = list[Document]

_UNEXPIRED: Document = {"$or": [{"$eq": [{"$type": "$expires_at"}, "missing"]}, {"$gt": ["$expires_at", "$$NOW"]}]}
_HAS_STATUS: Document = {"$ne": [{"$type": "$status"}, "missing"]}
_ANSWERED: Document = {"$and": [_HAS_STATUS, _UNEXPIRED]}
# A missing field is smaller than every time.
_CLAIMED: Document = {"$gt": ["$claim.until", "$$NOW"]}
_HAS_TICKET: Document = {"$gt": ["$ticket.until", "$$NOW"]}


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
