"""The store: what a find costs as answers become many, and what they take on disk and in memory.

10,000 answers in one database and 1,000,000 (BENCH_ANSWERS) in another. Finds in both, and the driver's bare
`find_one`, take turns, so that whatever else the machine does hits all alike.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

from pymongo import MongoClient

from adapters.mongodb import MongoConfig, MongoStore
from adapters.mongodb.documents import row_document
from adapters.runtime.clock import SystemClock
from bench.figures import Series, Subject
from bench.people import KEYS, Documents, answer, answer_in_store, person, request, seed
from bench.servers import Servers

FEW, MANY = 10_000, int(os.environ.get("BENCH_ANSWERS", "1000000"))
ROWS = 50_000  # of history: enough to know what one takes
FINDS = 1_000
TOGETHER = 64
CACHED = "bytes currently in the cache"


def measure(servers: Servers, answers: int = MANY) -> Subject:
    """Microseconds of a find, and sizes."""
    mongo = servers.mongo
    with (
        MongoClient[dict[str, Any]](mongo.uri) as client,
        closing(MongoStore(MongoConfig(mongo.uri, "few"), KEYS, SystemClock())) as few,
        closing(MongoStore(MongoConfig(mongo.uri, "many"), KEYS, SystemClock())) as many,
    ):
        few.prepare()
        many.prepare()
        raw, history = client["many"]["answers"], client["many"]["history"]
        seed(client["few"]["answers"], FEW, answer_in_store)
        asked_for = range(0, answers, answers // (FINDS + TOGETHER))
        seed(raw, answers, lambda number: answer_in_store(number, is_asked_for=number in asked_for))
        seed(history, min(ROWS, answers), _row)
        client.admin.command("fsync")
        # This reads all of it: what is measured next has it in memory.
        notes = [*_sizes(raw), *_sizes(history)]
        chance = random.Random(1)
        of_few = [person(chance.randrange(FEW)) for _ in range(FINDS)]
        of_many = list(map(person, chance.sample(asked_for, FINDS + TOGETHER)))
        keys = [KEYS.hashes(each)[0] for each in of_many]
        among_few, among_many = f"find among {FEW:,}", f"find among {answers:,}"
        calls: dict[str, Callable[[int], object]] = {
            among_few: lambda number: few.find_many([of_few[number]]),
            among_many: lambda number: many.find_many([of_many[number]]),
            f"{TOGETHER} finds in a batch": lambda number: many.find_many(of_many[number : number + TOGETHER]),
            "pymongo's find_one": lambda number: raw.find_one({"_id": keys[number]}),
        }
        subject = Subject("The store", _in_turns(calls), notes=notes)
    what = f"cost of a find among {answers:,} answers to {FEW:,}"
    subject.compare(what, (among_many, among_few), 1.2, at_least=False)
    return subject


def _row(number: int) -> dict[str, Any]:
    wanted = request(number)
    return row_document(KEYS.hashes(wanted.person)[0], wanted, answer(number), timedelta(days=365), KEYS)


def _in_turns(calls: Mapping[str, Callable[[int], object]]) -> list[Series]:
    took: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(FINDS):
        for name, call in calls.items():
            begun = time.perf_counter()
            call(number)
            took[name].append((time.perf_counter() - begun) * 1e6)
    return [Series(name, "µs", values) for name, values in took.items()]


def _sizes(collection: Documents) -> Iterator[str]:
    """What a collection takes a document, once every document and index entry of it has been read."""
    for index in collection.index_information().values():
        collection.count_documents({}, hint=index["key"])
    sum(1 for _ in collection.find_raw_batches(batch_size=10_000))
    stats = collection.database.command("collStats", collection.name, indexDetails=True)
    indexes = {name: index["cache"][CACHED] for name, index in stats["indexDetails"].items()}
    count, on_disk = stats["count"], stats["storageSize"] + stats["totalIndexSize"]
    ids, in_memory = indexes["_id_"], stats["wiredTiger"]["cache"][CACHED] + sum(indexes.values())
    yield f"{collection.name}: {count:,} documents, {stats['size'] / count:.0f} bytes each as BSON"
    for times, unit in ((1 / count, "bytes"), (1e8 / count / 2**30, "GiB for 100 million")):
        disk, index, cache = (f"{size * times:.0f}" for size in (on_disk, ids, in_memory))
        yield f"  on disk {disk}, index of _id in memory {index}, all in memory {cache} {unit}"
