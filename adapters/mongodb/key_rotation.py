"""What is kept under other keys than the newest: counted and erased, as ranges of ids, which begin with their key's name."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import uuid4

from bson import MaxKey
from pymongo.collection import Collection

from adapters.mongodb.client import MongoBase
from adapters.mongodb.indexes import ID_BYTES
from adapters.mongodb.pipelines import Document
from function.history import Erasure

_BATCH = 5000
"""Documents that are erased at a time where they may be many."""


class UnderOldKeys(NamedTuple):
    """How many answers and rows of history are under certain keys, erased or not."""

    answers: int
    history: int


class MongoKeyRotation(MongoBase):
    """Counts and erases what is kept under old keys."""

    def under_old_keys(self) -> UnderOldKeys:
        """What would be lost with all keys but the newest. Raises Unavailable."""
        return self._count(self._encryption.key_names[:1])

    def under_unknown_keys(self) -> UnderOldKeys:
        """What is under keys that are not configured: nobody can tell whose it is. Raises Unavailable."""
        return self._count(self._encryption.key_names)

    def forget_old_keys(self, batch: int = _BATCH) -> Erasure:
        """Erase what is under other keys than the newest, whether they are configured or not, and keep a record of it.

        That may be much, and goes batch by batch: broken off, it can be begun again, and the record of each
        time says how much that was. A claim stays its worker's, without its ticket.
        """
        record = uuid4().hex
        erased = {"answers": 0, "history": 0}
        documents, rows = _under_other_keys(self._encryption.key_names[:1])
        with self._long_call():
            self._erasures.insert_one({"_id": record, "began_at": self._clock.now(), **erased})
        for collection, wanted in ((self._answers, _answers(documents)), (self._history, rows)):
            for count in self._erase(collection, wanted, batch):
                erased[collection.name] += count
                with self._long_call():
                    self._erasures.update_one({"_id": record}, {"$inc": {collection.name: count}})
        with self._long_call():
            self._answers.update_many({**documents, "ticket": {"$exists": True}}, {"$unset": {"ticket": ""}})
            self._erasures.update_one({"_id": record}, {"$set": {"done_at": self._clock.now()}})
        return Erasure(erased["answers"], erased["history"], record)

    def _count(self, names: Sequence[bytes]) -> UnderOldKeys:
        documents, rows = _under_other_keys(names)
        with self._long_call():
            answers = self._answers.count_documents(_answers(documents))
            return UnderOldKeys(answers, self._history.count_documents(rows))

    def _erase(self, collection: Collection[Document], wanted: Document, batch: int) -> Iterator[int]:
        """How many, of each batch. They go in the order of their ids: what is gone is not searched through again."""
        rest: Document = {}
        while True:
            with self._long_call():
                found = collection.find({**wanted, **rest}, {"_id": 1}).sort("_id").limit(batch)
                ids = [document["_id"] for document in found]
                if not ids:
                    return
                count = collection.delete_many({"_id": {"$in": ids}}).deleted_count
            rest = {"_id": {"$gt": ids[-1]}}
            yield count


def _answers(documents: Document) -> Document:
    return {**documents, "status": {"$exists": True}}


def _under_other_keys(names: Sequence[bytes]) -> tuple[Document, Document]:
    """Filters of `answers` and of `history`: documents under other keys than those of these names."""
    # In BSON the shorter of two binaries is the smaller, so bounds have the length of what they bound.
    rest = ID_BYTES - len(names[0])
    ordered = sorted(set(names))
    lows = [None, *(name + b"\xff" * rest for name in ordered)]
    highs = [*(name + b"\x00" * rest for name in ordered), None]
    ranges = list(zip(lows, highs, strict=True))
    documents = [_between(low, high) for low, high in ranges]
    rows = [_between(low and {"person": low, "request": MaxKey()}, high and {"person": high}) for low, high in ranges]
    return {"$or": documents}, {"$or": rows}


def _between(low: object, high: object) -> Document:
    """Ids above the one and below the other; None: that side is open."""
    bounds = {"$gt": low, "$lt": high}
    return {"_id": {sign: bound for sign, bound in bounds.items() if bound is not None}}
