"""History and erasure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import uuid4

from bson import MaxKey, MinKey
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from adapters.mongodb.connection import Document
from adapters.mongodb.documents import row_id, row_of
from adapters.mongodb.faults import translated
from adapters.mongodb.part import Part
from function.history import Erasure, HistoryQuery, HistoryRow
from function.person import Person

_BARE = dict.fromkeys(("time", "status", "provider"), 1)
_REVEALED = {**_BARE, "sealed": 1}
_PIECE = 5000
"""Documents that are erased at a time where they may be many."""


class MongoArchive(Part):
    """The Archive."""

    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        """See Archive. A revealed row whose key is gone shows no person."""
        way = -1 if query.descending else 1
        order = dict.fromkeys((query.sort_key, "time"), way)
        with self._patiently():
            found = self._history.find(self._wanted(query), _REVEALED if reveal else _BARE)
            page = list(found.sort(order).skip(query.skip).limit(query.limit))
        return [row_of(document, self._seals) for document in page]

    def forget(self, person: Person) -> Erasure:
        """See Archive. The record is begun before anything is erased, and tells when that was done and how much it was."""
        record = uuid4().hex
        keys = self._seals.ids(person)
        erased = {"answers": 0, "history": 0}

        def begin(session: ClientSession | None) -> None:
            self._erasures.insert_one({"_id": record, "began_at": self._clock.now()}, session=session)

        def erase(session: ClientSession | None) -> None:
            answers = self._answers.delete_many({"_id": {"$in": keys}, "status": {"$exists": True}}, session=session)
            rows = self._history.delete_many({"$or": [_rows_of(key) for key in keys]}, session=session)
            erased.update(answers=answers.deleted_count, history=rows.deleted_count)

        def end(session: ClientSession | None) -> None:
            done = {"$set": {**erased, "done_at": self._clock.now()}}
            self._erasures.update_one({"_id": record}, done, session=session)

        with translated():
            self._together([begin, erase, end])
        return Erasure(erased["answers"], erased["history"], record)

    def erased_since(self, time: datetime) -> bool:
        """See Archive."""
        with translated():
            return self._erasures.find_one({"began_at": {"$gte": time}}, {"_id": 1}) is not None

    def forget_old_keys(self, piece: int = _PIECE) -> Erasure:
        """Erase what is under other keys than the newest, whether they are among ours or not, and keep a record of it.

        That may be much, and goes piece by piece: broken off, it can be begun again, and the record of each
        time tells how much that was. A claim is left to whom it is given.
        """
        record = uuid4().hex
        erased = {"answers": 0, "history": 0}
        answers, rows = self._of_old_keys()
        spans = (self._answers, {**answers, "status": {"$exists": True}}), (self._history, rows)
        with self._patiently():
            self._erasures.insert_one({"_id": record, "began_at": self._clock.now(), **erased})
        for collection, wanted in spans:
            for count in self._erased(collection, wanted, piece):
                erased[collection.name] += count
                with self._patiently():
                    self._erasures.update_one({"_id": record}, {"$inc": {collection.name: count}})
        with self._patiently():
            self._erasures.update_one({"_id": record}, {"$set": {"done_at": self._clock.now()}})
        return Erasure(erased["answers"], erased["history"], record)

    def _erased(self, collection: Collection[Document], wanted: Document, piece: int) -> Iterator[int]:
        """How many, of each piece. They go in the order of their ids: what is gone is not searched through again."""
        beyond: Document = {}
        while True:
            with self._patiently():
                found = collection.find({**wanted, **beyond}, {"_id": 1}).sort("_id").limit(piece)
                ids = [document["_id"] for document in found]
                if not ids:
                    return
                count = collection.delete_many({"_id": {"$in": ids}}).deleted_count
            beyond = {"_id": {"$gt": ids[-1]}}
            yield count

    def _wanted(self, query: HistoryQuery) -> Document:
        wanted: Document = {"expires_at": {"$not": {"$lte": self._clock.now()}}}
        if query.status is not None:
            wanted["status"] = query.status.value
        span = {"$gte": query.since, "$lt": query.until}
        if time := {sign: bound for sign, bound in span.items() if bound is not None}:
            wanted["time"] = time
        return wanted


def _rows_of(person: bytes) -> Document:
    return {"_id": {"$gte": row_id(person, MinKey()), "$lte": row_id(person, MaxKey())}}
