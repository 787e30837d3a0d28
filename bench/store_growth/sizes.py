"""What a collection takes."""

from dataclasses import dataclass
from typing import Any

from bench.people import Documents


@dataclass(frozen=True)
class Kept:
    """What one collection takes, in bytes a document.

    `raw` as BSON, `disk` and `indexes` on disk; in memory `cache` with all of it read, `ids` of them the index of `_id`.
    """

    documents: int
    raw: float
    disk: float
    indexes: float
    cache: float
    ids: float


def kept(collection: Documents) -> Kept:
    """What a collection takes once every document and index entry of it has been read."""
    for index in collection.index_information().values():
        collection.count_documents({}, hint=index["key"])
    sum(1 for _ in collection.find())
    stats = collection.database.command("collStats", collection.name, indexDetails=True)
    indexes = {name: in_memory(index) for name, index in stats["indexDetails"].items()}
    count = stats["count"]
    return Kept(
        documents=count,
        raw=stats["size"] / count,
        disk=stats["storageSize"] / count,
        indexes=stats["totalIndexSize"] / count,
        cache=(in_memory(stats["wiredTiger"]) + sum(indexes.values())) / count,
        ids=indexes["_id_"] / count,
    )


def in_memory(table: dict[str, Any]) -> int:
    """Bytes of a table, or an index, that the server holds in memory."""
    held: int = table["cache"]["bytes currently in the cache"]
    return held
