"""The stores: what a find costs beside the driver's bare `find_one`, and beside SQLite's own select."""

import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from pymongo import MongoClient

from adapters.mongodb import MongoConfig, MongoStore
from adapters.runtime.clock import SystemClock
from bench.figures import Series, Subject
from bench.people import SEALER, answer, request, seed_answers
from bench.rounds import ROUNDS
from bench.world import World
from function.outcomes import Answer
from function.ports import Claim
from local_runtime.store import EmbeddedStore

KEPT = 2_000
FINDS = 300
TURNS = 4
"""Turns of a round: they are short."""
TOGETHER = 64
DATABASE = "bench_store"

RAW, MONGO, MANY, SELECT, EMBEDDED = (
    "pymongo's find_one",
    "MongoStore.find_many of one",
    f"MongoStore.find_many of {TOGETHER}, each",
    "sqlite3's select",
    "EmbeddedStore.find_many of one",
)


def measure(world: World) -> Subject:
    """Microseconds of one find."""
    seed_answers(world.mongo_uri, DATABASE, KEPT)
    with (
        MongoClient[dict[str, Any]](world.mongo_uri) as client,
        closing(MongoStore(MongoConfig(world.mongo_uri, DATABASE, lease=60), SEALER, SystemClock())) as store,
        closing(EmbeddedStore(world.folder / "answers.sqlite", lease=60)) as embedded,
        closing(sqlite3.connect(world.folder / "bare.sqlite")) as bare,
    ):
        persons = [request(number).person for number in range(KEPT)]
        keys = [SEALER.hash(person) for person in persons]
        for number in range(FINDS):
            _save(embedded, number, answer(number))
        bare.execute("create table answers (id blob primary key, text blob) without rowid")
        bare.executemany("insert into answers values (?, ?)", [(key, b"x" * 100) for key in keys])
        answers = client[DATABASE]["answers"]
        subject = Subject(
            "Stores",
            _turns(
                {
                    RAW: (1, lambda number: answers.find_one({"_id": keys[number]})),
                    MONGO: (1, lambda number: store.find_many(persons[number : number + 1])),
                    MANY: (TOGETHER, lambda number: store.find_many(persons[number : number + TOGETHER])),
                    SELECT: (
                        1,
                        lambda number: bare.execute("select * from answers where id = ?", (keys[number],)).fetchone(),
                    ),
                    EMBEDDED: (1, lambda number: embedded.find_many(persons[number : number + 1])),
                }
            ),
        )
    ratio = subject.named(MONGO).median / subject.named(RAW).median
    subject.notes.append(f"MongoStore to the driver's bare find_one: {ratio:.2f}")
    return subject


def _save(store: EmbeddedStore, number: int, kept: Answer) -> None:
    claim = store.find_or_claim(request(number).person)
    assert isinstance(claim, Claim)
    store.save(claim, request(number), kept)


def _turns(calls: Mapping[str, tuple[int, Callable[[int], object]]]) -> list[Series]:
    """`calls`: how many finds one call is, and the call, given a number below FINDS."""
    chance = random.Random(1)
    took: dict[str, list[float]] = {name: [] for name in calls}
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS * TURNS):
        numbers = chance.sample(range(FINDS), FINDS)
        for name, (finds, call) in calls.items():
            chosen = numbers[: max(FINDS // finds, 10)]
            begun, cpu = time.perf_counter(), time.process_time()
            for number in chosen:
                call(number)
            took[name].append((time.perf_counter() - begun) / len(chosen) / finds * 1e6)
            spent[name].append((time.process_time() - cpu) / len(chosen) / finds * 1e6)
    return [Series(name, "µs", took[name], spent[name]) for name in calls]
