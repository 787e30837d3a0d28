"""What the faces of the store have in common: the collections, the seals, and one way to reach them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple, Protocol, cast

import pymongo
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from adapters.mongodb import indexes
from adapters.mongodb.connection import READS, WRITES, Document, MongoConfig, connected, database_of
from adapters.mongodb.faults import WrongAddress, translated, waited_out
from adapters.mongodb.spans import beside
from adapters.mongodb.steps import Step
from function.person import Person
from function.ports import Clock

LONG_SEC = 60
"""What a question may take that reads much: a count, a page of history far down."""


class Seals(Protocol):
    """Keyed hashes and encryption; every hash of a person begins with the name of its key and is of one length."""

    @property
    def names(self) -> list[bytes]:
        """The names of the keys, the one that writes first."""

    def id(self, person: Person) -> bytes:
        """What the person is kept under."""

    def ids(self, person: Person) -> list[bytes]:
        """What the person may be kept under, a key each, the newest first."""

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt, bound to a place."""

    def open(self, sealed: bytes, place: bytes) -> bytes | None:
        """Decrypt what was sealed for this place; None where its key is gone."""


class UnderOldKeys(NamedTuple):
    """How much is kept under keys that write no more: unreadable, and not to be forgotten by `forget`, without them."""

    answers: int
    history: int


class Part:
    """One face of the store."""

    def __init__(self, config: MongoConfig, seals: Seals, clock: Clock) -> None:
        self._config = config
        self._seals = seals
        self._clock = clock
        self._client = connected(config)
        try:
            self._database = database_of(self._client, config)
        except WrongAddress:
            self._client.close()
            raise
        self._answers: Collection[Document] = self._database["answers"]
        self._history: Collection[Document] = self._database["history"]
        self._providers: Collection[Document] = self._database["providers"]
        self._erasures: Collection[Document] = self._database["erasures"]

    def prepare(self) -> None:
        """Reach MongoDB, log in and make the indexes that are missing. Raises Unavailable or StoreRefuses.

        An index on a collection that is large already takes as long as it takes; MongoDB builds it
        beside its other work, so that other replicas go on meanwhile. Where MongoDB goes away without
        a word, this does not end: call it in a thread that can be left alone.
        """
        self.ping()
        # None would leave the client's own limit.
        with translated(), pymongo.timeout(0):
            indexes.create(self._database, replicated=self._has_transactions)

    def ping(self) -> None:
        """Return if there is a server that takes writes now. Raises Unavailable or StoreRefuses."""
        with translated():
            self._database.command("ping")

    def try_writing(self) -> None:
        """See that a document can come and go. Raises Unavailable or StoreRefuses."""
        trials = self._database["trials"]
        with translated():
            trial = trials.insert_one({}).inserted_id
            trials.delete_one({"_id": trial})

    def is_replicated(self) -> bool:
        """Whether what belongs together is written as one. Raises Unavailable."""
        with translated():
            return self._has_transactions

    def under_old_keys(self) -> UnderOldKeys:
        """What would be lost with all keys but the newest. Raises Unavailable."""
        return self._counted(*self._of_old_keys())

    def under_unknown_keys(self) -> UnderOldKeys:
        """What is under keys that are not among ours: nobody can tell whose it is. Raises Unavailable."""
        answers, rows = beside(self._seals.names)
        return self._counted({**answers, "status": {"$exists": True}}, rows)

    def _of_old_keys(self) -> tuple[Document, Document]:
        """Which answers, and which rows of history, are under another key than the newest."""
        return beside(self._seals.names[:1])

    def _counted(self, answers: Document, rows: Document) -> UnderOldKeys:
        with self._patiently():
            return UnderOldKeys(self._answers.count_documents(answers), self._history.count_documents(rows))

    def close(self) -> None:
        """Let go of every connection."""
        self._client.close()

    @cached_property
    def _has_transactions(self) -> bool:
        """Whether this is a replica set or a sharded cluster; a mongod by itself has none."""
        hello = self._database.command("hello")
        return "setName" in hello or hello.get("msg") == "isdbgrid"

    def _stepped(self, collection: Collection[Document], key: object, step: Step) -> Document:
        """The document after one atomic step, which begins with an empty one where it is missing."""
        with waited_out():
            document = collection.find_one_and_update(
                {"_id": key}, step, upsert=True, return_document=ReturnDocument.AFTER
            )
        # An upsert leaves a document, whatever the driver's types say.
        return cast("Document", document)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        # The driver would look for a server as long as for the answer.
        self.ping()
        with translated(), pymongo.timeout(LONG_SEC):
            yield

    def _together(self, steps: Sequence[Callable[[ClientSession | None], None]], *, tries: bool = True) -> None:
        """Take the steps as one transaction; by a mongod without transactions one after another.

        `tries`: where another transaction is in the way, it is begun anew for as long as a call may take.
        """
        with pymongo.timeout(self._config.operation):
            if not self._has_transactions:
                for step in steps:
                    step(None)
                return
            with self._client.start_session() as session:
                if tries:
                    session.with_transaction(lambda session: [step(session) for step in steps], READS, WRITES)
                    return
                with session.start_transaction(READS, WRITES):
                    for step in steps:
                        step(session)
