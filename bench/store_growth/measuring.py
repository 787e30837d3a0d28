"""Finds among few answers and among many, by turns."""

import random
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pymongo import MongoClient

from adapters.mongodb import MongoConfig, MongoStore
from adapters.mongodb.documents import row_document
from adapters.runtime.clock import SystemClock
from bench.people import SEALER, Documents, answer, kept_answer, request, seed
from bench.store_growth.sizes import Kept, kept
from function.person import Person
from tests.servers.mongod import replica_set

FEW = 10_000
ROWS = 100_000
"""Of history: enough to tell what one takes."""
LASTS = timedelta(days=365)
FINDS = 4_000
CACHE_GB = 2


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
    return row_document(SEALER.hash(wanted.person), wanted, answer(number), LASTS, SEALER)


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
        # This reads all of it: what is measured next has it in memory.
        sizes = [kept(client["many"][name]) for name in ("answers", "history")]
        took = medians({"few": (few, FEW), "many": (many, answers)}, client["many"]["answers"])
        return Growth(took["few"], took["many"], took["floor"], took["many"] / took["few"], *sizes)


def opened(uri: str, database: str) -> MongoStore:
    """A store that is ready."""
    store = MongoStore(MongoConfig(uri, database, lease=60), SEALER, SystemClock())
    store.prepare()
    return store


def finder(store: MongoStore, persons: list[Person]) -> Callable[[int], object]:
    """Finds one of these."""
    return lambda number: store.find_many(persons[number : number + 1])


def medians(stores: dict[str, tuple[MongoStore, int]], raw: Documents) -> dict[str, float]:
    """The median of each store's finds and of the driver's bare `find_one`, which take turns."""
    chance = random.Random(1)
    persons = {
        name: [request(chance.randrange(size)).person for _ in range(FINDS)] for name, (_, size) in stores.items()
    }
    bare = [SEALER.hash(person) for person in persons["many"]]
    calls: dict[str, Callable[[int], object]] = {
        name: finder(store, persons[name]) for name, (store, _) in stores.items()
    }
    calls["floor"] = lambda number: raw.find_one({"_id": bare[number]})
    took: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(FINDS):
        for name, call in calls.items():
            began = time.perf_counter()
            call(number)
            took[name].append((time.perf_counter() - began) * 1e6)
    return {name: statistics.median(times) for name, times in took.items()}
