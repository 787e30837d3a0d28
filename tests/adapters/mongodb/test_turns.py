from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from adapters.mongodb import turns
from adapters.mongodb.steps import Step
from function import rate_limit as pacing
from function.rate_limit import Entry, Pace
from tests.servers.mongod import Mongo

NOW = 1_777_777_777.0
SECONDS = st.sampled_from([0, 0.02, 1 / 3, 1, 20, 600, 86_400]) | st.floats(0, 1e5)
TIMES = st.sampled_from([0.0, NOW]) | st.floats(NOW - 1e5, NOW + 1e5) | st.integers(-99, 99).map(lambda off: NOW + off)
ENTRIES = st.builds(
    Entry,
    next_free=TIMES,
    closed_until=TIMES,
    level=st.integers(0, 40) | st.integers(0, 5000),
    probe_until=TIMES,
    day=st.sampled_from(["", *(pacing.moscow_day(NOW + days * 86_400) for days in (-1, 0, 1))]),
    count=st.integers(0, 5),
)
PACES = st.builds(Pace, min_interval=SECONDS, cooldown=SECONDS, daily_limit=st.integers(0, 5), probe_lease=SECONDS)
# The server's clock counts milliseconds.
CLOCKS = st.just(NOW) | st.integers(-100_000_000, 100_000_000).map(lambda ms: NOW + ms / 1000)
ON_A_SERVER = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def providers(mongo: Mongo) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        yield client["inn-test-turns"]["providers"]
        client.drop_database("inn-test-turns")


def stepped(providers: Collection[dict[str, Any]], entry: Entry | None, step: Step) -> dict[str, Any]:
    """The document that one step leaves of this entry."""
    providers.delete_one({"_id": "nalog"})
    if entry is not None:
        providers.insert_one({"_id": "nalog", **asdict(entry)})
    providers.update_one({"_id": "nalog"}, step, upsert=True)
    document = providers.find_one({"_id": "nalog"})
    assert document is not None
    return document


def server_time(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


LIMITED = Pace(min_interval=1, cooldown=20, daily_limit=5, probe_lease=60)


@given(entry=st.none() | ENTRIES, pace=PACES, now=CLOCKS, patience=SECONDS)
@example(entry=Entry(closed_until=NOW), pace=LIMITED, now=NOW, patience=0)
@example(entry=Entry(level=1, probe_until=NOW), pace=LIMITED, now=NOW, patience=0)
@example(entry=Entry(next_free=NOW + 1), pace=LIMITED, now=NOW, patience=1)
@example(entry=Entry(day=pacing.moscow_day(NOW), count=4), pace=LIMITED, now=NOW, patience=0)
@example(entry=Entry(day=pacing.moscow_day(NOW), count=5), pace=LIMITED, now=NOW, patience=0)
@ON_A_SERVER
def test_the_server_gives_turns_as_pacing_decides(
    providers: Collection[dict[str, Any]], entry: Entry | None, pace: Pace, now: float, patience: float
) -> None:
    document = stepped(providers, entry, turns.take(pace, patience, server_time(now)))
    decided, told = pacing.decide(entry or Entry(), pace, now, patience)
    assert turns.entry_of(document) == decided
    assert turns.told(document, pace) == told


@given(entry=st.none() | ENTRIES, pace=PACES, now=CLOCKS, at_least=SECONDS)
@example(entry=Entry(closed_until=NOW), pace=LIMITED, now=NOW, at_least=0)
@example(entry=Entry(level=1, probe_until=NOW + 60), pace=replace(LIMITED, cooldown=0), now=NOW, at_least=0)
@ON_A_SERVER
def test_the_server_cools_as_pacing_decides(
    providers: Collection[dict[str, Any]], entry: Entry | None, pace: Pace, now: float, at_least: float
) -> None:
    document = stepped(providers, entry, turns.cool(pace, at_least, server_time(now)))
    assert turns.entry_of(document) == pacing.cooled(entry or Entry(), pace, now, at_least)
    assert turns.now_of(document) == now
