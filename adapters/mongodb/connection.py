"""The client, its timeouts and its pool."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from adapters.mongodb.faults import translated

Document = dict[str, Any]
Client = MongoClient[Document]


@dataclass(frozen=True, slots=True)
class MongoConfig:
    """Where the database is, and how long things take and last.

    `selection`: seconds to find a server that takes the operation, and to connect to one;
    `connections`: as many as there are threads; `lease`: seconds that a claim lasts, longer than any
    fetch; `history_lasts` None: for ever.
    """

    uri: str = field(repr=False)
    database: str
    lease: float
    history_lasts: timedelta | None = None
    selection: float = 5
    connections: int = 32
    app_name: str = "inn"

    @property
    def operation(self) -> float:
        """Seconds that one operation may take in all: finding a server, connecting, asking, asking again.

        It bounds each read of a socket too. Twice the selection: an election that is over in time still
        leaves as long for the operation itself.
        """
        return 2 * self.selection


def connected(config: MongoConfig) -> Client:
    """A client that connects when it is first used. Raises StoreRefuses for an address that is none."""
    selection = int(config.selection * 1000)
    with translated():
        return MongoClient(
            config.uri,
            appname=config.app_name,
            serverSelectionTimeoutMS=selection,
            connectTimeoutMS=selection,
            timeoutMS=int(config.operation * 1000),
            maxPoolSize=config.connections,
            tz_aware=True,
            read_preference=ReadPreference.PRIMARY,
        )


WRITES = WriteConcern(w="majority", j=True)
READS = ReadConcern("local")
