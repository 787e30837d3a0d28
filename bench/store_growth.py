"""What `find` costs as answers become many, and what they take on disk and in memory.

`python -m bench.store_growth [--answers 1000000] [--json]`: a private mongod with 10,000 answers in one
database and so many in another. Finds in both take turns, so that whatever else the machine does
hits both alike.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from pymongo import MongoClient

from adapters.clock import SystemClock
from adapters.mongodb import MongoConfig, MongoStore
from adapters.mongodb.documents import row_document
from bench.people import SEALER, Documents, answer, kept_answer, request, seed
from function.person import Person
from local_runtime.servers.mongod import replica_set

FEW = 10_000
MANY = 1_000_000
ROWS = 100_000
"""Of history: enough to tell what one takes."""
ROUNDS = 40
FINDS = 100
"""In a row, of one round."""
CACHE_GB = 2
GIB = 1 << 30


@dataclass(frozen=True)
class Kept:
    """What one collection takes. Bytes a document: `raw` as BSON, `disk` and `indexes` on disk, `cache` in memory, all read."""

    documents: int
    raw: float
    disk: float
    indexes: float
    cache: float


@dataclass(frozen=True)
class Growth:
    """The figures. Times are medians of microseconds a call; `ratio` is `many` to `few`."""

    few: float
    many: float
    floor: float
    ratio: float
    answers: Kept
    history: Kept


def kept_row(number: int) -> dict[str, Any]:
    """The document of a row of history."""
    wanted = request(number)
    return row_document(SEALER.id(wanted.person), wanted, answer(number), timedelta(days=365), SEALER)


def opened(uri: str, database: str) -> MongoStore:
    """A store that is ready."""
    store = MongoStore(MongoConfig(uri, database, lease=60), SEALER, SystemClock())
    store.prepare()
    return store


def microseconds(call: Callable[[int], object], numbers: list[int]) -> float:
    """Of one call, over these."""
    began = time.perf_counter()
    for number in numbers:
        call(number)
    return (time.perf_counter() - began) / len(numbers) * 1e6


def finder(store: MongoStore, persons: list[Person]) -> Callable[[int], object]:
    """Finds one of these."""
    return lambda number: store.find(persons[number])


def medians(stores: dict[str, tuple[MongoStore, int]], raw: Documents) -> dict[str, float]:
    """The median of each store's finds and of the driver's bare `find_one`, which take turns."""
    chance = random.Random(1)
    persons = {
        name: [request(chance.randrange(size)).person for _ in range(FINDS * 5)] for name, (_, size) in stores.items()
    }
    bare = [SEALER.id(person) for person in persons["many"]]
    calls: dict[str, Callable[[int], object]] = {
        name: finder(store, persons[name]) for name, (store, _) in stores.items()
    }
    calls["floor"] = lambda number: raw.find_one({"_id": bare[number]})
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        numbers = chance.sample(range(FINDS * 5), FINDS)
        for name, call in calls.items():
            took[name].append(microseconds(call, numbers))
    return {name: statistics.median(times) for name, times in took.items()}


def kept(collection: Documents) -> Kept:
    """What a collection takes once every document and index entry of it has been read."""
    for index in collection.index_information().values():
        collection.count_documents({}, hint=index["key"])
    sum(1 for _ in collection.find())
    stats = collection.database.command("collStats", collection.name, indexDetails=True)
    caches = [stats["wiredTiger"], *stats["indexDetails"].values()]
    count = stats["count"]
    return Kept(
        documents=count,
        raw=stats["size"] / count,
        disk=stats["storageSize"] / count,
        indexes=stats["totalIndexSize"] / count,
        cache=sum(cache["cache"]["bytes currently in the cache"] for cache in caches) / count,
    )


def measured(answers: int) -> Growth:
    """Seed and measure, on a server of its own."""
    with (
        replica_set(1, cache_gb=CACHE_GB) as mongo,
        MongoClient[dict[str, Any]](mongo.uri) as client,
        closing(opened(mongo.uri, "few")) as few,
        closing(opened(mongo.uri, "many")) as many,
    ):
        seed(client["few"]["answers"], FEW, kept_answer)
        seed(client["many"]["answers"], answers, kept_answer)
        seed(client["many"]["history"], min(ROWS, answers), kept_row)
        client.admin.command("fsync")
        # All of it read: what is measured next has it in memory.
        for name in ("answers", "history"):
            kept(client["many"][name])
        took = medians({"few": (few, FEW), "many": (many, answers)}, client["many"]["answers"])
        return Growth(
            few=took["few"],
            many=took["many"],
            floor=took["floor"],
            ratio=took["many"] / took["few"],
            answers=kept(client["many"]["answers"]),
            history=kept(client["many"]["history"]),
        )


def report(growth: Growth) -> str:
    """The figures, for a person to read."""
    lines = [
        f"find among {FEW:,}: {growth.few:.0f} µs, among {growth.answers.documents:,}: {growth.many:.0f} µs (medians)",
        f"  ratio {growth.ratio:.2f}; the driver's bare find_one: {growth.floor:.0f} µs",
    ]
    for name, size in (("answers", growth.answers), ("history", growth.history)):
        disk, memory = (size.disk + size.indexes) * 1e8 / GIB, size.cache * 1e8 / GIB
        lines += [
            f"{name}: {size.documents:,} documents, {size.raw:.0f} bytes each as BSON",
            f"  on disk {size.disk:.0f} and {size.indexes:.0f} of indexes; in memory, all of it read, {size.cache:.0f}",
            f"  100 million: {disk:.0f} GiB on disk, {memory:.0f} GiB of memory to hold it all",
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=MANY)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    growth = measured(options.answers)
    sys.stdout.write((json.dumps(asdict(growth)) if options.json else report(growth)) + "\n")


if __name__ == "__main__":
    main()
