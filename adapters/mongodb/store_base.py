"""The base class of the stores: their client with its timeouts and pool, their collections and indexes."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pymongo
from pymongo import IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidName, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from adapters.mongodb.documents import Document, Encryption
from adapters.mongodb.errors import StoreRefuses, WrongAddress, driver_errors
from function.ports import LEASE_SEC, Clock

WRITES = WriteConcern(w="majority", j=True)
READS = ReadConcern("local")
LONG_CALL_SEC = 60  # the time limit of a call that reads a lot: a count, a late page of history

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
    """The database's address, and its time limits.

    `lease`: seconds of a claim; `history_lasts` None: for ever; `operation`: seconds of one call, retries included;
    `connections`: at most; one for each thread.
    """

    uri: str = field(repr=False)
    database: str
    lease: float = LEASE_SEC
    history_lasts: timedelta | None = None
    operation: float = 5
    connections: int = 32
    app_name: str = "inn"


class MongoBase:
    """Base class of the stores: one client, its collections, and how to call them."""

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
        """Connect, log in and create missing indexes. Raises Unavailable or StoreRefuses.

        An index on a large collection takes long; other replicas work meanwhile. If MongoDB disappears without closing
        the connection, this does not return: call it in a thread that can be abandoned.
        """
        with driver_errors():
            hello = self._database.command("hello")
        # By default a replica set, or a sharded cluster, waits for every member, for ever if one is down.
        is_replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
        quorum: Document = {"commitQuorum": "majority"} if is_replicated else {}
        # 0: no limit. None would leave the client's own limit.
        with driver_errors(), pymongo.timeout(0):
            for collection, index in _INDEXES:
                try:
                    self._database[collection].create_indexes([index], **quorum)
                except OperationFailure as error:
                    if error.code not in _OTHER_DEFINITION:
                        raise
                    name = f"the index {index.document['name']} of the collection {collection}"
                    raise StoreRefuses(f"{name} has another definition: drop it, and start again") from None

    def ping(self) -> None:
        """Check that a primary answers. Raises Unavailable or StoreRefuses."""
        with driver_errors():
            self._database.command("ping")

    def try_writing(self) -> None:
        """Insert a document and delete it. Raises Unavailable or StoreRefuses."""
        with driver_errors():
            trials = self._database["trials"]
            trials.delete_one({"_id": trials.insert_one({}).inserted_id})

    def emulated_origin(self) -> bool | None:
        """Whether the database was made for the emulated tax service, as docker compose marks it; None: no mark.

        Raises Unavailable or StoreRefuses.
        """
        with driver_errors():
            mark = self._database["origin"].find_one({"_id": "tax_service"})
        return None if mark is None else bool(mark.get("emulated"))

    def close(self) -> None:
        """Close every connection."""
        self._database.client.close()

    @contextmanager
    def _long_call(self) -> Iterator[None]:
        # Otherwise the driver would also look for a server for LONG_CALL_SEC.
        self.ping()
        with driver_errors(), pymongo.timeout(LONG_CALL_SEC):
            yield


def _connect(config: MongoConfig) -> Database[Document]:
    """The database of a client that connects when it is first used. Raises WrongAddress."""
    operation = int(config.operation * 1000)
    try:
        # The driver only warns of an unknown or malformed option, TLS included, and ignores it.
        with warnings.catch_warnings(action="error", category=UserWarning):
            client: MongoClient[Document] = MongoClient(
                config.uri,
                appname=config.app_name,
                timeoutMS=operation,
                serverSelectionTimeoutMS=operation,
                # An unresponsive member leaves time for another.
                connectTimeoutMS=operation // 2,
                maxPoolSize=config.connections,
                tz_aware=True,
                read_preference=ReadPreference.PRIMARY,
            )
        return client.get_database(config.database, write_concern=WRITES, read_concern=READS)
    except InvalidName:
        client.close()
        raise WrongAddress("MONGO_NAME is not a name that a database can have") from None
    except (ConfigurationError, UserWarning, ValueError, OSError):
        # Its text may hold the password.
        variables = "MONGO_DSN, or MONGO_HOST, MONGO_PORT, MONGO_USER, MONGO_PASS, MONGO_RS and MONGO_AUTH"
        raise WrongAddress(f"the driver cannot use the address of MongoDB: {variables}") from None
