"""The indexes, as a table; created at start where they are missing."""

from typing import Any

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

from adapters.mongodb.errors import StoreRefuses

# A TTL index: MongoDB removes a document once this time has passed.
_EXPIRY = IndexModel("expires_at", name="expiry", expireAfterSeconds=0)
# An index serves an order and its reverse.
INDEXES = {
    "answers": [_EXPIRY],
    "history": [
        _EXPIRY,
        IndexModel("time", name="time"),
        IndexModel(["status", "time"], name="status"),
        IndexModel(["provider", "time"], name="provider"),
    ],
    "erasures": [IndexModel("began_at", name="time")],
}
_OTHER_DEFINITION = (85, 86)


def create(database: Database[dict[str, Any]], *, replicated: bool) -> None:
    """Create what is missing. Raises StoreRefuses where an index has another definition."""
    # By its own default a replica set waits for every member, and for one that is down for ever.
    quorum: dict[str, Any] = {"commitQuorum": "majority"} if replicated else {}
    for collection, index in ((collection, index) for collection, indexes in INDEXES.items() for index in indexes):
        try:
            database[collection].create_indexes([index], **quorum)
        except OperationFailure as error:
            if error.code not in _OTHER_DEFINITION:
                raise
            name = f"the index {index.document['name']} of the collection {collection}"
            raise StoreRefuses(f"{name} has another definition: drop it, and start again") from None
