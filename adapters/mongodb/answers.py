"""Answers and claims: a document a person, under the hash of the person.

`find` is one read by `_id`. `claim` is one atomic step that decides on the server's clock. Claims and saves
that threads make at the same time go together: many steps in one round trip, many saves in one transaction.

`save` writes the answer and the row of history in one transaction. A mongod by itself has none: there
the row is written first. A crash between the two then leaves the request unanswered and the claim to
its lease; who comes next asks again and writes both, the row in the place of the first one. The other
way round, the answer would be served from the cache and its row never be missed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import uuid4

import pymongo
from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from adapters.mongodb import steps
from adapters.mongodb.connection import Document, MongoConfig
from adapters.mongodb.documents import answer_document, answer_of, row_document
from adapters.mongodb.faults import waited_out
from adapters.mongodb.gathering import Gathering
from adapters.mongodb.part import Part, Seals
from function.outcomes import Answer
from function.person import Person
from function.ports import Claim, Clock
from function.request import LookupRequest

_ANSWER = dict.fromkeys(("status", "inn", "provider", "fetched_at", "expires_at"), 1)
_CLAIMED = {**_ANSWER, "claim.token": 1}


class _Saving(NamedTuple):
    """What one save writes, and whose claim it ends."""

    row: Document
    answer: Document
    token: str


class MongoAnswers(Part):
    """The AnswerStore."""

    def __init__(self, config: MongoConfig, seals: Seals, clock: Clock) -> None:
        super().__init__(config, seals, clock)
        self._claimed = Gathering(self._claim_all)
        self._saved = Gathering(self._save_all)

    def find(self, person: Person) -> Answer | None:
        """See AnswerStore."""
        served = self._served(self._read(self._seals.ids(person)))
        return answer_of(served[-1], self._seals) if served else None

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """See AnswerStore."""
        whose = {key: person for person in persons for key in self._seals.ids(person)}
        served = self._served(self._read(list(whose))) if whose else []
        known = ((whose[document["_id"]], answer_of(document, self._seals)) for document in served)
        return {person: answer for person, answer in known if answer is not None}

    def claim(self, person: Person) -> Claim | Answer | None:
        """See AnswerStore."""
        claim = Claim(person, uuid4().hex)
        document = self._claimed((self._seals.id(person), claim.token))
        if document.get("claim", {}).get("token") == claim.token:
            return claim
        return answer_of(document, self._seals) if self._served([document]) else None

    def release(self, claim: Claim) -> None:
        """See AnswerStore."""
        with waited_out():
            self._answers.update_one({"_id": self._seals.id(claim.person)}, steps.release(claim.token))

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """See AnswerStore. Of two answers the one that was fetched later stays, in whatever order they come."""
        person = self._seals.id(claim.person)
        row = row_document(person, request, answer, self._config.history_lasts, self._seals)
        self._saved(_Saving(row, answer_document(person, answer, self._seals), claim.token))

    def _claim_all(self, claims: Sequence[tuple[bytes, str]]) -> Sequence[Document]:
        """The documents of the claimed, each after its step, by their keys and tokens."""
        if len(claims) == 1:
            key, token = claims[0]
            return [self._stepped(self._answers, key, steps.claim(token, self._config.lease))]
        lease = self._config.lease
        updates = [UpdateOne({"_id": key}, steps.claim(token, lease), upsert=True) for key, token in claims]
        with waited_out(), pymongo.timeout(self._config.operation):
            self._answers.bulk_write(updates, ordered=False)
            now = {document["_id"]: document for document in self._read([key for key, _ in claims], _CLAIMED)}
        # Whose document is gone by now (forgotten, in between) has no claim either.
        return [now.get(key, {}) for key, _ in claims]

    def _save_all(self, savings: Sequence[_Saving]) -> Sequence[None]:
        rows = [UpdateOne({"_id": each.row["_id"]}, steps.keep_row(each.row), upsert=True) for each in savings]
        answers = [
            UpdateOne({"_id": each.answer["_id"]}, steps.keep_answer(each.answer, each.token), upsert=True)
            for each in savings
        ]

        def keep_rows(session: ClientSession | None) -> None:
            self._history.bulk_write(rows, session=session)

        def keep_answers(session: ClientSession | None) -> None:
            self._answers.bulk_write(answers, session=session)

        # Who is in another transaction's way would keep all others in it: alone it may try again.
        with waited_out():
            self._together([keep_rows, keep_answers], tries=len(savings) == 1)
        return [None] * len(savings)

    def _read(self, keys: list[bytes], fields: Mapping[str, int] = _ANSWER) -> list[Document]:
        # An equality, where one key is all: the server has a path of its own for that.
        wanted = keys[0] if len(keys) == 1 else {"$in": keys}
        with waited_out():
            # All in one batch: the server would else keep back what is beyond the first 101.
            return list(self._answers.find({"_id": wanted}, fields).limit(len(keys)).batch_size(len(keys)))

    def _served(self, documents: Iterable[Document]) -> list[Document]:
        """Those that hold an unexpired answer, the latest last."""
        now = self._clock.now()
        answers = (document for document in documents if "status" in document)
        served = [document for document in answers if "expires_at" not in document or document["expires_at"] > now]
        return sorted(served, key=lambda document: document["fetched_at"])
