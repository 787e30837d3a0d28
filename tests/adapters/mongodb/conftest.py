from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.answers.key_ring import KeyRing
from adapters.mongodb import MongoConfig, MongoStore
from adapters.runtime.clock import SystemClock
from function.ports import Clock
from tests.contracts.stores import LEASE, StoreHarness
from tests.servers.mongod import Mongo

KEY = "k" * 32
OLD_KEY = "o" * 32


@dataclass(frozen=True)
class Place:
    """A database of a test's own, and stores in it."""

    config: MongoConfig
    raw: Database[dict[str, Any]]

    def store(self, *keys: str, clock: Clock | None = None, **changes: Any) -> MongoStore:
        return MongoStore(replace(self.config, **changes), KeyRing(keys or [KEY]), clock or SystemClock())

    def harness(self, store: MongoStore) -> StoreHarness:
        now = datetime.now(UTC)
        return StoreHarness(store, self.age, now.replace(microsecond=now.microsecond // 1000 * 1000))

    def age(self, seconds: float) -> None:
        """Let time pass: everything that is stored becomes so much older."""
        milliseconds = round(seconds * 1000)
        for collection, lapse, times in (
            ("answers", milliseconds, ("fetched_at", "expires_at", "claim.until", "ticket.until")),
            ("history", milliseconds, ("time", "expires_at")),
            ("providers", seconds, ("next_free", "closed_until", "probe_until")),
        ):
            for name in times:
                older = {"$subtract": [f"${name}", lapse]}
                self.raw[collection].update_many({name: {"$exists": True}}, [{"$set": {name: older}}])
        for provider in self.raw["providers"].find({"day": {"$gt": ""}}):
            day = datetime.fromisoformat(provider["day"]) - timedelta(seconds=seconds)
            self.raw["providers"].update_one({"_id": provider["_id"]}, {"$set": {"day": day.date().isoformat()}})


@contextmanager
def a_place(mongo: Mongo) -> Iterator[Place]:
    """A database of its own, gone at the end."""
    name = f"inn-test-{uuid4().hex[:12]}"
    with MongoClient[dict[str, Any]](mongo.uri, tz_aware=True) as client:
        yield Place(MongoConfig(mongo.uri, name, lease=LEASE), client[name])
        client.drop_database(name)


@contextmanager
def a_prepared_place(mongo: Mongo) -> Iterator[tuple[Place, MongoStore]]:
    with a_place(mongo) as place, closing(place.store()) as store:
        store.prepare()
        yield place, store


@pytest.fixture(scope="session")
def prepared(mongo: Mongo) -> Iterator[tuple[Place, MongoStore]]:
    with a_prepared_place(mongo) as prepared:
        yield prepared


@pytest.fixture
def unprepared(mongo: Mongo) -> Iterator[Place]:
    """A database that nobody has prepared."""
    with a_place(mongo) as place:
        yield place


@pytest.fixture
def place(prepared: tuple[Place, MongoStore]) -> Place:
    """A prepared, empty database."""
    place, _ = prepared
    # Making a database anew, its indexes too, would take most of a test's time.
    for name in ("answers", "history", "providers", "erasures"):
        place.raw[name].delete_many({})
    return place


@pytest.fixture
def harness(place: Place, prepared: tuple[Place, MongoStore]) -> StoreHarness:
    """For what every store promises, in `place`."""
    return place.harness(prepared[1])
