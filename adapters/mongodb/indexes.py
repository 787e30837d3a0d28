"""The indexes."""

from typing import Any

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

from adapters.mongodb.errors import StoreRefuses

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


def create_missing(database: Database[dict[str, Any]], *, replicated: bool) -> None:
    """Create the indexes that are missing. Raises StoreRefuses for one with another definition."""
    # By default a replica set waits for every member, for ever if one is down.
    quorum: dict[str, Any] = {"commitQuorum": "majority"} if replicated else {}
    for collection, index in _INDEXES:
        try:
            database[collection].create_indexes([index], **quorum)
        except OperationFailure as error:
            if error.code not in _OTHER_DEFINITION:
                raise
            name = f"the index {index.document['name']} of the collection {collection}"
            raise StoreRefuses(f"{name} has another definition: drop it, and start again") from None
