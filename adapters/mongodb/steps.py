"""Updates that decide on the server, each one atomic step, as pipelines."""

from typing import Any

from adapters.mongodb.connection import Document

Step = list[Document]
Expression = dict[str, Any]

_NO_TIME_OR_LATER: Expression = {
    "$or": [{"$eq": [{"$type": "$expires_at"}, "missing"]}, {"$gt": ["$expires_at", "$$NOW"]}]
}
_ANSWERED: Expression = {"$and": [{"$ne": [{"$type": "$status"}, "missing"]}, _NO_TIME_OR_LATER]}
# What is missing sorts before every time.
_HELD: Expression = {"$gt": ["$claim.until", "$$NOW"]}


def claim(token: str, lease: float) -> Step:
    """Claim the document unless it holds an answer or another's claim. `lease`: seconds.

    The claim takes the place of an expired answer, which the TTL monitor would else remove with the
    claim in it; and it goes the same way once its own time is over.
    """
    until = {"$add": ["$$NOW", round(lease * 1000)]}
    claimed = {"_id": "$_id", "claim": {"token": {"$literal": token}, "until": until}, "expires_at": until}
    return [{"$replaceWith": {"$cond": [{"$or": [_ANSWERED, _HELD]}, "$$ROOT", claimed]}}]


def release(token: str) -> Step:
    """End this claim, if it is still held."""
    ours = {"$eq": ["$claim.token", {"$literal": token}]}
    return [{"$set": {"claim": {"$cond": [ours, "$$REMOVE", "$claim"]}}}]


def keep_answer(document: Document, token: str) -> Step:
    """Keep the answer unless one fetched later is there, end this claim, and leave another's alone."""
    others_claim = {"claim": "$claim"}
    kept = {"$mergeObjects": [{"$literal": document}, others_claim]}
    return [*release(token), _unless_later("fetched_at", document, kept)]


def keep_row(document: Document) -> Step:
    """Keep the row of history unless one of a later time is there."""
    return [_unless_later("time", document, {"$literal": document})]


def _unless_later(field: str, document: Document, kept: Expression) -> Document:
    there = {"$gte": [f"${field}", {"$literal": document[field]}]}
    return {"$replaceWith": {"$cond": [there, "$$ROOT", kept]}}
