"""History, and the erasure of one person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from bson import MaxKey, MinKey
from pymongo.client_session import ClientSession
from typing_extensions import override

from adapters.mongodb.client import MongoBase
from adapters.mongodb.documents import row_id, row_of
from adapters.mongodb.errors import operator_errors
from adapters.mongodb.pipelines import Document
from function.history import Erasure, HistoryQuery, HistoryRow, HistoryStore
from function.person import Person

_FIELDS = dict.fromkeys(("time", "status", "provider"), 1)


class MongoHistory(MongoBase, HistoryStore):
    """The HistoryStore."""

    @override
    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        """A revealed row whose key is gone shows no person."""
        direction = -1 if query.descending else 1
        order = dict.fromkeys((query.sort_key, "time"), direction)
        with self._long_call():
            found = self._history.find(self._filter(query), {**_FIELDS, "sealed": 1} if reveal else _FIELDS)
            page = list(found.sort(order).skip(query.skip).limit(query.limit))
        return [row_of(document, self._encryption) for document in page]

    @override
    def forget(self, person: Person) -> Erasure:
        """The record is begun before anything is erased, and says when that was done and how much it was."""
        record = uuid4().hex
        keys = self._encryption.hashes(person)
        documents = {"_id": {"$in": keys}}
        rows = {"$or": [{"_id": {"$gte": row_id(key, MinKey()), "$lte": row_id(key, MaxKey())}} for key in keys]}
        erased = {"answers": 0, "history": 0}

        def begin(session: ClientSession | None) -> None:
            self._erasures.insert_one({"_id": record, "began_at": self._clock.now()}, session=session)

        def erase(session: ClientSession | None) -> None:
            answers = self._answers.delete_many({**documents, "status": {"$exists": True}}, session=session)
            # A claim stays its worker's.
            self._answers.update_many(
                {**documents, "ticket": {"$exists": True}}, {"$unset": {"ticket": ""}}, session=session
            )
            history = self._history.delete_many(rows, session=session)
            erased.update(answers=answers.deleted_count, history=history.deleted_count)

        def end(session: ClientSession | None) -> None:
            done = {"$set": {**erased, "done_at": self._clock.now()}}
            self._erasures.update_one({"_id": record}, done, session=session)

        with operator_errors():
            self._transaction([begin, erase, end])
        return Erasure(erased["answers"], erased["history"], record)

    @override
    def erased_since(self, time: datetime) -> bool:
        with operator_errors():
            return self._erasures.find_one({"began_at": {"$gte": time}}, {"_id": 1}) is not None

    def _filter(self, query: HistoryQuery) -> Document:
        wanted: Document = {"expires_at": {"$not": {"$lte": self._clock.now()}}}
        if query.status is not None:
            wanted["status"] = query.status.value
        bounds = {"$gte": query.since, "$lt": query.until}
        if time := {sign: bound for sign, bound in bounds.items() if bound is not None}:
            wanted["time"] = time
        return wanted
