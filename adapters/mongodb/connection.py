"""The client, its timeouts and its pool."""

import warnings
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidName
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from adapters.mongodb.faults import WrongAddress

Document = dict[str, Any]
Client = MongoClient[Document]

WRITES = WriteConcern(w="majority", j=True)
READS = ReadConcern("local")


@dataclass(frozen=True, slots=True)
class MongoConfig:
    """Where the database is, and how long things take and last.

    `operation`: seconds that one call may take in all: finding a server that takes it, connecting,
    asking, and asking again; it bounds each read of a socket too. `connections`: as many as there are
    threads. `lease`: seconds that a claim lasts, longer than any fetch. `history_lasts` None: for ever.
    """

    uri: str = field(repr=False)
    database: str
    lease: float
    history_lasts: timedelta | None = None
    operation: float = 5
    connections: int = 32
    app_name: str = "inn"


def connected(config: MongoConfig) -> Client:
    """A client that connects when it is first used. Raises WrongAddress for an address that is none."""
    operation = int(config.operation * 1000)
    try:
        # An option that it does not know or cannot read the driver would leave out with a warning, TLS included.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return MongoClient(
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
        raise WrongAddress(
            "the driver cannot use the address of MongoDB: MONGO_DSN, or MONGO_HOST and its kin"
        ) from None


def database_of(client: Client, config: MongoConfig) -> Database[Document]:
    """The database, its writes durable. Raises WrongAddress for a name that is none."""
    try:
        return client.get_database(config.database, write_concern=WRITES, read_concern=READS)
    except InvalidName:
        raise WrongAddress("MONGO_NAME is not a name that a database can have") from None
