"""The client, its timeouts and pool, the indexes, and what every part of the store does with it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import pymongo
from pymongo import IndexModel, MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidName, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from adapters.mongodb.errors import StoreRefuses, WrongAddress, operator_errors
from adapters.mongodb.mapping import Document, Encryption
from function.ports import LEASE_SEC, Clock

WRITES = WriteConcern(w="majority", j=True)
READS = ReadConcern("local")
LONG_CALL_SEC = 60
"""The time limit of a call that reads much: a count, a page of history far down."""
# A TTL index: MongoDB removes a document once this time has passed.
_EXPIRY = IndexModel("expires_at", name="expiry", expireAfterSeconds=0)
# An index serves an order and its reverse.
_INDEXES = (
    ("answers", _EXPIRY),
    ("history", _EXPIRY),
    ("history", IndexModel("time", name="time")),
    ("history", IndexModel(["status", "time"], name="status")),
    ("history", IndexModel(["provider", "time"], name="provider")),
    ("erasures", IndexModel("began_at", name="time")),
)
_OTHER_DEFINITION = (85, 86)


@dataclass(frozen=True, slots=True)
class MongoConfig:
    """Where the database is, and how long things take and last.

    `lease`: seconds that a claim lasts; `history_lasts` None: for ever; `operation`: seconds that one call may take
    in all, with its retries, and each read of a socket; `connections`: as many as there are threads.
    """

    uri: str = field(repr=False)
    database: str
    lease: float = LEASE_SEC
    history_lasts: timedelta | None = None
    operation: float = 5
    connections: int = 32
    app_name: str = "inn"


class MongoBase:
    """What the parts of the store share: one client, its collections, and ways to call it."""

    def __init__(self, config: MongoConfig, encryption: Encryption, clock: Clock) -> None:
        self._config = config
        self._encryption = encryption
        self._clock = clock
        self._database = _connect(config)
        self._answers: Collection[Document] = self._database["answers"]
        self._history: Collection[Document] = self._database["history"]
        self._providers: Collection[Document] = self._database["providers"]
        self._erasures: Collection[Document] = self._database["erasures"]

    def prepare(self) -> None:
        """Reach MongoDB, log in and create the indexes that are missing. Raises Unavailable or StoreRefuses.

        An index on a large collection takes long, and other replicas go on meanwhile. Where MongoDB disappears
        without closing the connection, this does not return: call it in a thread that can be abandoned.
        """
        self.ping()
        # None would leave the client's own limit.
        with operator_errors(), pymongo.timeout(0):
            for collection, index in _INDEXES:
                self._create(collection, index)

    def _create(self, collection: str, index: IndexModel) -> None:
        # By its own default a replica set waits for every member, and for one that is down for ever.
        quorum: Document = {"commitQuorum": "majority"} if self.is_replicated else {}
        try:
            self._database[collection].create_indexes([index], **quorum)
        except OperationFailure as error:
            if error.code not in _OTHER_DEFINITION:
                raise
            name = f"the index {index.document['name']} of the collection {collection}"
            raise StoreRefuses(f"{name} has another definition: drop it, and start again") from None

    def ping(self) -> None:
        """Return if there is a server that takes writes now. Raises Unavailable or StoreRefuses."""
        with operator_errors():
            self._database.command("ping")

    def try_writing(self) -> None:
        """Insert a document and delete it. Raises Unavailable or StoreRefuses."""
        with operator_errors():
            trials = self._database["trials"]
            trials.delete_one({"_id": trials.insert_one({}).inserted_id})

    def emulated_origin(self) -> bool | None:
        """Whether the database was made for the emulated tax service, as docker compose marks it; None: no mark.

        Raises Unavailable or StoreRefuses.
        """
        with operator_errors():
            mark = self._database["origin"].find_one({"_id": "tax_service"})
        return None if mark is None else bool(mark.get("emulated"))

    def close(self) -> None:
        """Close every connection."""
        self._database.client.close()

    @cached_property
    def is_replicated(self) -> bool:
        """Whether this is a replica set or a sharded cluster; a standalone mongod has no transactions."""
        with operator_errors():
            hello = self._database.command("hello")
        return "setName" in hello or hello.get("msg") == "isdbgrid"

    @contextmanager
    def _long_call(self) -> Iterator[None]:
        # The driver would look for a server as long as it waits for the reply.
        self.ping()
        with operator_errors(), pymongo.timeout(LONG_CALL_SEC):
            yield

    def _transaction(self, write: Callable[[ClientSession | None], None], *, retry: bool = True) -> None:
        """Write in one transaction; where there are none, step by step.

        `retry`: where another transaction is in the way, it is begun anew for as long as a call may take.
        """
        with pymongo.timeout(self._config.operation):
            if not self.is_replicated:
                write(None)
                return
            with self._database.client.start_session() as session:
                if retry:
                    session.with_transaction(write, READS, WRITES)
                else:
                    with session.start_transaction(READS, WRITES):
                        write(session)


def _connect(config: MongoConfig) -> Database[Document]:
    """The database of a client that connects when it is first used. Raises WrongAddress."""
    operation = int(config.operation * 1000)
    try:
        # The driver ignores an option that it does not know or cannot read, TLS included, with no more than a warning.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            client: MongoClient[Document] = MongoClient(
                config.uri,
                appname=config.app_name,
                timeoutMS=operation,
                serverSelectionTimeoutMS=operation,
                # A member that does not even refuse leaves time for another.
                connectTimeoutMS=operation // 2,
                maxPoolSize=config.connections,
                tz_aware=True,
                read_preference=ReadPreference.PRIMARY,
            )
    except (ConfigurationError, UserWarning, ValueError, OSError):
        # Its text may hold the password.
        text = "the driver cannot use the address of MongoDB: MONGO_DSN, or MONGO_HOST and its kin"
        raise WrongAddress(text) from None
    try:
        return client.get_database(config.database, write_concern=WRITES, read_concern=READS)
    except InvalidName:
        client.close()
        raise WrongAddress("MONGO_NAME is not a name that a database can have") from None
