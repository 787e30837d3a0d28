"""Stores answers, claims and tickets: one document a person, under the hash of the person.

Concurrent claims of several threads share a round trip, and so do their tickets and answers. Each update is a pipeline:
one atomic step on the server, by its clock.

`save` writes the row of history, then the answer. After a crash in between, the next lookup polls or fetches again, and
overwrites the row. In the other order, the answer would be served from the cache, and its row stay missing. A
transaction would be worse: one that is left behind by a call that timed out blocks the person for a minute.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from uuid import uuid4

import pymongo
from pymongo import ReturnDocument, UpdateOne
from typing_extensions import override

from adapters.mongodb import documents
from adapters.mongodb.batching import Batcher
from adapters.mongodb.documents import Document, Encryption
from adapters.mongodb.errors import driver_errors
from adapters.mongodb.store_base import MongoBase, MongoConfig
from function.outcomes import Answer
from function.person import Person
from function.ports import AnswerStore, Claim, Clock, Ticket
from function.request import LookupRequest

_ANSWER = dict.fromkeys(("status", "inn", "provider", "fetched_at", "expires_at"), 1)

_UNEXPIRED: Document = {"$or": [{"$eq": [{"$type": "$expires_at"}, "missing"]}, {"$gt": ["$expires_at", "$$NOW"]}]}
_HAS_STATUS: Document = {"$ne": [{"$type": "$status"}, "missing"]}
_ANSWERED: Document = {"$and": [_HAS_STATUS, _UNEXPIRED]}
# A missing field is smaller than every time.
_CLAIMED: Document = {"$gt": ["$claim.until", "$$NOW"]}
_HAS_TICKET: Document = {"$gt": ["$ticket.until", "$$NOW"]}


class MongoAnswers(MongoBase, AnswerStore):
    """The AnswerStore."""

    def __init__(self, config: MongoConfig, encryption: Encryption, clock: Clock) -> None:
        super().__init__(config, encryption, clock)
        self._claims = Batcher(self._claim_all)
        self._writes = Batcher(self._write_all)

    @override
    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        persons_by_key = {key: person for person in persons for key in self._encryption.hashes(person)}
        keys = list(persons_by_key)
        if not keys:
            return {}
        # An equality for a single key: the server has a faster plan for that.
        wanted = keys[0] if len(keys) == 1 else {"$in": keys}
        with driver_errors(lookup=True):
            # All in one batch: by default the server sends only the first 101 at once.
            stored = list(self._answers.find({"_id": wanted}, _ANSWER).limit(len(keys)).batch_size(len(keys)))
        answers = ((each["_id"], documents.answer_of(each, self._encryption)) for each in self._unexpired(stored))
        return {persons_by_key[key]: answer for key, answer in answers if answer is not None}

    @override
    def find_or_claim(self, person: Person) -> Answer | Claim | None:
        key, *older = self._encryption.hashes(person)
        wanted: Document = {"_id": key, "claim": {"token": uuid4().hex}}
        if older:
            found = self._read_claims([key, *older])
            if answered := self._unexpired(found):
                return documents.answer_of(answered[-1], self._encryption)
            under_older = [document for document in found if document["_id"] != key]
            if any(document["claimed"] for document in under_older):
                return None
            tickets = (documents.ticket_of(document, self._encryption) for document in under_older)
            if adopted := next(filter(None, tickets), None):
                wanted["ticket"] = documents.ticket_document(key, adopted, self._encryption)
        document, token = self._claims(wanted), wanted["claim"]["token"]
        if document.get("claim", {}).get("token") == token:
            return Claim(person, token, documents.ticket_of(document, self._encryption))
        return documents.answer_of(document, self._encryption) if self._unexpired([document]) else None

    @override
    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        key = self._encryption.hashes(claim.person)[0]
        until = _in(wait)
        pending = {
            "_id": "$_id",
            "claim": {"until": until},  # without its token, so that no late release or renewal applies to it
            "ticket": {"$literal": documents.ticket_document(key, ticket, self._encryption)},
            "expires_at": {"$max": [until, ticket.expires_at]},
        }
        # Another worker has changed the document.
        lost = {"$and": [{"$not": [_is_claimed_by(claim.token)]}, {"$or": [_CLAIMED, _HAS_TICKET]}]}
        update = {"$replaceWith": {"$cond": [{"$or": [_ANSWERED, lost]}, "$$ROOT", pending]}}
        self._writes((None, UpdateOne({"_id": key}, [update], upsert=True)))

    @override
    def release(self, claim: Claim) -> None:
        if claim.ticket is not None:
            self.keep_ticket(claim, claim.ticket, wait=0)
            return
        key, *older = self._encryption.hashes(claim.person)
        with driver_errors(lookup=True):
            self._answers.update_one({"_id": key, "claim.token": claim.token}, {"$unset": {"claim": "", "ticket": ""}})
            if older:
                # Otherwise the next claim would adopt the ticket again.
                self._answers.update_many({"_id": {"$in": older}}, {"$unset": {"ticket": ""}})

    @override
    def renew(self, claims: Sequence[Claim]) -> None:
        until = _in(self._config.lease)
        expires_at = {"$cond": [_HAS_STATUS, "$expires_at", {"$max": [until, "$ticket.until"]}]}
        renewal = [{"$set": {"claim.until": until, "expires_at": expires_at}}]
        keys = ((self._encryption.hashes(claim.person)[0], claim.token) for claim in claims)
        self._write_all([(None, UpdateOne({"_id": key, "claim.token": token}, renewal)) for key, token in keys])

    @override
    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """Of two answers the one that was fetched later stays, in whatever order they are saved."""
        key = self._encryption.hashes(claim.person)[0]
        row = documents.row_document(key, request, answer, self._config.history_lasts, self._encryption)
        row_update = UpdateOne({"_id": row["_id"]}, [_replace_unless_later("time", row)], upsert=True)
        document = documents.answer_document(key, answer, self._encryption)
        answer_update = [
            # Another worker's claim stays.
            {"$set": {"claim": {"$cond": [_is_claimed_by(claim.token), "$$REMOVE", "$claim"]}}},
            _replace_unless_later("fetched_at", document, claim="$claim"),
        ]
        self._writes((row_update, UpdateOne({"_id": key}, answer_update, upsert=True)))

    def _claim_all(self, wanted: Sequence[Document]) -> Sequence[Document]:
        """Make the claims where possible; the document of each afterwards."""
        updates = [({"_id": each["_id"]}, _claim_update(each, self._config.lease)) for each in wanted]
        with driver_errors(lookup=True), pymongo.timeout(self._config.operation):
            if len(wanted) == 1:
                after = ReturnDocument.AFTER
                return [self._answers.find_one_and_update(*updates[0], upsert=True, return_document=after) or {}]
            claims = [UpdateOne(*update, upsert=True) for update in updates]
            inserted = self._answers.bulk_write(claims, ordered=False).upserted_ids or {}
            rest = [each["_id"] for number, each in enumerate(wanted) if number not in inserted]
            found = {document["_id"]: document for document in self._read_claims(rest)} if rest else {}
        # What was inserted is as it was wanted. A document that was erased in between has no claim either.
        return [each if number in inserted else found.get(each["_id"], {}) for number, each in enumerate(wanted)]

    def _write_all(self, writes: Sequence[tuple[UpdateOne | None, UpdateOne]]) -> Sequence[None]:
        """Write the rows of history, where there are some, then the answers or tickets."""
        rows = [row for row, _ in writes if row is not None]
        with driver_errors(lookup=True), pymongo.timeout(self._config.operation):
            if rows:
                self._history.bulk_write(rows, ordered=False)
            self._answers.bulk_write([update for _, update in writes], ordered=False)
        return [None] * len(writes)

    def _read_claims(self, keys: list[bytes]) -> list[Document]:
        """The documents under these keys, with `claimed`, and without expired tickets."""
        facts = {"claimed": _CLAIMED, "ticket": {"$cond": [_HAS_TICKET, "$ticket", "$$REMOVE"]}}
        with driver_errors(lookup=True):
            return list(self._answers.aggregate([{"$match": {"_id": {"$in": keys}}}, {"$set": facts}]))

    def _unexpired(self, found: Iterable[Document]) -> list[Document]:
        """The documents with an unexpired answer, the latest last."""
        now = self._clock.now()
        answers = [
            document
            for document in found
            if "status" in document and ("expires_at" not in document or document["expires_at"] > now)
        ]
        return sorted(answers, key=itemgetter("fetched_at"))


def _claim_update(wanted: Document, lease: float) -> list[Document]:
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


def _in(seconds: float) -> Document:
    return {"$add": ["$$NOW", round(seconds * 1000)]}


def _is_claimed_by(token: str) -> Document:
    return {"$eq": ["$claim.token", {"$literal": token}]}


def _replace_unless_later(field: str, document: Document, **kept: str) -> Document:
    """Replace the stored document by this one and the `kept` fields, unless its `field` is as late or later."""
    is_later = {"$gte": [f"${field}", {"$literal": document[field]}]}
    return {"$replaceWith": {"$cond": [is_later, "$$ROOT", {"$mergeObjects": [{"$literal": document}, kept]}]}}
