"""Pages of history; erasure of one person, or of all data under other keys than the newest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from bson import MaxKey, MinKey
from typing_extensions import override

from adapters.mongodb.documents import Document, row_id, row_of
from adapters.mongodb.errors import driver_errors
from adapters.mongodb.store_base import MongoBase
from function.history_and_erasure import Erasure, HistoryQuery, HistoryRow, HistoryStore
from function.person import Person

_FIELDS = dict.fromkeys(("time", "status", "provider"), 1)
_HASH_BYTES = 36  # length of an answer's `_id`: its key's name and a hash
_BATCH = 5000  # documents that are erased at a time


class StoredCounts(NamedTuple):
    """Numbers of answers and of rows of history under certain keys."""

    answers: int
    history: int


class MongoHistory(MongoBase, HistoryStore):
    """The HistoryStore; also counts and erases data before a key is removed."""

    @override
    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        """A revealed row whose key was removed has no person."""
        wanted: Document = {"expires_at": {"$not": {"$lte": self._clock.now()}}}
        if query.status is not None:
            wanted["status"] = query.status.value
        if time := {sign: at for sign, at in (("$gte", query.since), ("$lt", query.until)) if at is not None}:
            wanted["time"] = time
        order = dict.fromkeys((query.sort_key, "time"), -1 if query.descending else 1)
        with self._long_call():
            found = self._history.find(wanted, {**_FIELDS, "sealed": 1} if reveal else _FIELDS)
            page = list(found.sort(order).skip(query.skip).limit(query.limit))
        return [row_of(document, self._encryption) for document in page]

    @override
    def forget(self, person: Person) -> Erasure:
        keys = self._encryption.hashes(person)
        rows = [{"_id": {"$gte": row_id(key, MinKey()), "$lte": row_id(key, MaxKey())}} for key in keys]
        return self._erase({"_id": {"$in": keys}}, {"$or": rows}, _BATCH)

    @override
    def erased_since(self, time: datetime) -> bool:
        with driver_errors(lookup=True):
            return self._erasures.find_one({"began_at": {"$gte": time}}, {"_id": 1}) is not None

    def forget_old_keys(self, batch: int = _BATCH) -> Erasure:
        """Erase all data under other keys than the newest, configured or not."""
        return self._erase(*_under_other_keys(self._encryption.key_names[:1]), batch)

    def count_under_old_keys(self) -> StoredCounts:
        """Count the data under other keys than the newest. Raises Unavailable."""
        return self._count(self._encryption.key_names[:1])

    def count_under_unknown_keys(self) -> StoredCounts:
        """Count the data under keys that are not configured, whose persons are unknown. Raises Unavailable."""
        return self._count(self._encryption.key_names)

    def _count(self, names: Sequence[bytes]) -> StoredCounts:
        documents, rows = _under_other_keys(names)
        with self._long_call():
            answers = self._answers.count_documents({**documents, "status": {"$exists": True}})
            return StoredCounts(answers, self._history.count_documents(rows))

    def _erase(self, documents: Document, rows: Document, batch: int) -> Erasure:
        """Erase answers, tickets and rows, and record the erasure. Claims stay.

        The record is written before anything is erased, and updated after each batch: an interrupted erasure can be
        repeated, and has a record of its own with its counts.
        """
        record = {"_id": uuid4().hex}
        erased = {"answers": 0, "history": 0}
        with self._long_call():
            self._erasures.insert_one({**record, "began_at": self._clock.now(), **erased})
            self._answers.update_many({**documents, "ticket": {"$exists": True}}, {"$unset": {"ticket": ""}})
        for collection, wanted in (self._answers, {**documents, "status": {"$exists": True}}), (self._history, rows):
            rest: Document = {}
            while True:
                with self._long_call():
                    found = collection.find({"$and": [wanted, rest]}, {"_id": 1}).sort("_id").limit(batch)
                    ids = [document["_id"] for document in found]
                    if not ids:
                        break
                    count = collection.delete_many({"_id": {"$in": ids}}).deleted_count
                    self._erasures.update_one(record, {"$inc": {collection.name: count}})
                erased[collection.name] += count
                # The next batch skips the erased range.
                rest = {"_id": {"$gt": ids[-1]}}
        with self._long_call():
            self._erasures.update_one(record, {"$set": {"done_at": self._clock.now()}})
        return Erasure(erased["answers"], erased["history"], record["_id"])


def _under_other_keys(names: Sequence[bytes]) -> tuple[Document, Document]:
    """Filters of `answers` and of `history` for all ids but those that begin with these names of keys."""
    # BSON orders binaries by length first, so bounds have the length of an id.
    rest = _HASH_BYTES - len(names[0])
    lows: list[Any] = [MinKey(), *(name + b"\xff" * rest for name in sorted(names))]
    highs: list[Any] = [*(name + b"\x00" * rest for name in sorted(names)), MaxKey()]
    ranges = list(zip(lows, highs, strict=True))
    documents = [{"_id": {"$gt": low, "$lt": high}} for low, high in ranges]
    rows = [{"_id": {"$gt": row_id(low, MaxKey()), "$lt": {"person": high}}} for low, high in ranges]
    return {"$or": documents}, {"$or": rows}
