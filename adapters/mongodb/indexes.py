"""The indexes, as a table; created at start where they are missing."""

from typing import Any, NamedTuple

from pymongo import IndexModel
from pymongo.database import Database

from adapters.mongodb.errors import index_errors

ID_BYTES = 36
"""Of an answer's `_id`: its key's name and a hash."""


class Index(NamedTuple):
    """One index. `ttl`: MongoDB removes a document once the time in its key has passed."""

    collection: str
    name: str
    keys: tuple[str, ...]
    ttl: bool = False

    @property
    def model(self) -> IndexModel:
        """The same for the driver."""
        options = {"expireAfterSeconds": 0} if self.ttl else {}
        return IndexModel([(key, 1) for key in self.keys], name=self.name, **options)


# An index serves an order and its reverse.
INDEXES = (
    Index("answers", "expiry", ("expires_at",), ttl=True),
    Index("history", "expiry", ("expires_at",), ttl=True),
    Index("history", "time", ("time",)),
    Index("history", "status", ("status", "time")),
    Index("history", "provider", ("provider", "time")),
    Index("erasures", "time", ("began_at",)),
)


def create(database: Database[dict[str, Any]], *, replicated: bool) -> None:
    """Create what is missing. Raises StoreRefuses where an index has another definition."""
    # By its own default a replica set waits for every member, and for one that is down for ever.
    quorum: dict[str, Any] = {"commitQuorum": "majority"} if replicated else {}
    for index in INDEXES:
        with index_errors(index.collection, index.name):
            database[index.collection].create_indexes([index.model], **quorum)
