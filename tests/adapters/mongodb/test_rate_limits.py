from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from adapters.mongodb import rate_limits
from adapters.mongodb.pipelines import Pipeline
from function import rate_limit
from function.rate_limit import ProviderState, RateLimit
from tests.servers.mongod import Mongo

NOW = 1_777_777_777.0
SECONDS = st.sampled_from([0, 0.02, 1 / 3, 1, 20, 600, 86_400]) | st.floats(0, 1e5)
TIMES = st.sampled_from([0.0, NOW]) | st.floats(NOW - 1e5, NOW + 1e5) | st.integers(-99, 99).map(lambda off: NOW + off)
STATES = st.builds(
    ProviderState,
    next_free=TIMES,
    open_until=TIMES,
    failures=st.integers(0, 40) | st.integers(0, 5000),
    probe_until=TIMES,
    day=st.sampled_from(["", *(rate_limit.moscow_day(NOW + days * 86_400) for days in (-1, 0, 1))]),
    count=st.integers(0, 5),
)
LIMITS = st.builds(
    RateLimit, min_interval=SECONDS, cooldown=SECONDS, daily_limit=st.integers(0, 5), probe_lease=SECONDS
)
# The server's clock counts milliseconds.
CLOCKS = st.just(NOW) | st.integers(-100_000_000, 100_000_000).map(lambda ms: NOW + ms / 1000)
ON_A_SERVER = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def providers(mongo: Mongo) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        yield client["inn-test-limits"]["providers"]
        client.drop_database("inn-test-limits")


def updated(providers: Collection[dict[str, Any]], state: ProviderState | None, pipeline: Pipeline) -> dict[str, Any]:
    """The document that one update leaves of this state, as earlier versions name its fields."""
    providers.delete_one({"_id": "nalog"})
    if state is not None:
        names = {"open_until": "closed_until", "failures": "level"}
        providers.insert_one(
            {"_id": "nalog", **{names.get(name, name): value for name, value in asdict(state).items()}}
        )
    providers.update_one({"_id": "nalog"}, pipeline, upsert=True)
    document = providers.find_one({"_id": "nalog"})
    assert document is not None
    return document


def server_time(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


LIMITED = RateLimit(min_interval=1, cooldown=20, daily_limit=5, probe_lease=60)


@given(state=st.none() | STATES, limit=LIMITS, now=CLOCKS)
@example(state=ProviderState(open_until=NOW), limit=LIMITED, now=NOW)
@example(state=ProviderState(failures=1, probe_until=NOW), limit=LIMITED, now=NOW)
@example(state=ProviderState(next_free=NOW), limit=LIMITED, now=NOW)
@example(state=ProviderState(next_free=NOW + 1), limit=LIMITED, now=NOW)
@example(state=ProviderState(day=rate_limit.moscow_day(NOW), count=4), limit=LIMITED, now=NOW)
@example(state=ProviderState(day=rate_limit.moscow_day(NOW), count=5), limit=LIMITED, now=NOW)
@ON_A_SERVER
def test_the_server_gives_permits_as_the_core_decides(
    providers: Collection[dict[str, Any]], state: ProviderState | None, limit: RateLimit, now: float
) -> None:
    document = updated(providers, state, rate_limits.acquire(limit, server_time(now)))
    after, result = rate_limit.acquired(state or ProviderState(), limit, now)
    assert rate_limits.state_of(document) == after
    assert rate_limits.result_of(document, limit) == result


@given(state=st.none() | STATES, limit=LIMITS, now=CLOCKS, at_least=SECONDS)
@example(state=ProviderState(open_until=NOW), limit=LIMITED, now=NOW, at_least=0)
@example(state=ProviderState(failures=1, probe_until=NOW + 60), limit=replace(LIMITED, cooldown=0), now=NOW, at_least=0)
@ON_A_SERVER
def test_the_server_cools_down_as_the_core_decides(
    providers: Collection[dict[str, Any]], state: ProviderState | None, limit: RateLimit, now: float, at_least: float
) -> None:
    document = updated(providers, state, rate_limits.cool_down(limit, at_least, server_time(now)))
    assert rate_limits.state_of(document) == rate_limit.cooled_down(state or ProviderState(), limit, now, at_least)
    assert rate_limits.now_of(document) == now
