import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from threading import Lock

import pytest
from pymongo import monitoring

from adapters.mongodb import MongoStore
from function.rate_limit import Denied, Permit, RateLimit
from tests.adapters.mongodb.recorder import Recorder
from tests.contracts.stores import at_once
from tests.servers.mongod import Mongo, replica_set
from tests.system.mongodb.world import count, open_store, tell

WORKERS = count(32, 64)
PERMITS = count(100, 500)
REPLICAS = 4
LIMIT = RateLimit(min_interval=0.02, cooldown=20, daily_limit=0, probe_lease=60)
# Seconds since the epoch as floats are this coarse.
GRAIN = 1e-6


@pytest.fixture
def mongo() -> Iterator[Mongo]:
    with replica_set(1) as mongo:
        yield mongo


class Replica:
    """Waits for permits as a host does: one fetch at a time, for as long as a denial says."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._gate = Lock()

    def acquire(self) -> None:
        with self._gate:
            while isinstance(result := self._store.acquire("nalog", LIMIT), Denied):
                time.sleep(result.retry_after)
        assert result == Permit()


def test_replicas_together_keep_one_pace(mongo: Mongo) -> None:
    recorder = Recorder()
    monitoring.register(recorder)
    with ExitStack() as stack:
        replicas = [Replica(stack.enter_context(closing(open_store(mongo.uri)))) for _ in range(REPLICAS)]
        began = time.monotonic()
        with recorder.recording():
            at_once(lambda number: replicas[number % REPLICAS].acquire(), PERMITS, threads=WORKERS)
        took = time.monotonic() - began
        states = [reply["value"] for reply in recorder.replies if "value" in reply]
    # Each reply has the state before; the first one had none.
    permits = sorted(float(state["next_free"]) for state in states if state is not None)
    assert len(permits) == len(states) - 1 == PERMITS - 1
    gaps = [later - earlier for earlier, later in pairwise(permits)]
    assert min(gaps) > LIMIT.min_interval - GRAIN
    total, ideal = sum(gaps), LIMIT.min_interval * len(gaps)
    tell(f"{WORKERS} workers, {PERMITS} permits: {total:.3f} s by the server, ideal {ideal:.3f} s, in all {took:.3f} s")
