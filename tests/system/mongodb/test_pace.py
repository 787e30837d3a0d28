import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import pairwise

import pytest
from pymongo import monitoring

from adapters.providers import Manners, Providers
from function.outcomes import Status
from function.ports import Verdict
from function.rate_limit import Again, Pace, Reply
from function.request import LookupRequest
from function.telemetry import NullObserver
from tests.adapters.mongodb.listening import Recorder
from tests.contracts.stores import at_once, request
from tests.doubles import INN
from tests.servers.mongod import Mongo, replica_set
from tests.system.mongodb.world import FULL, count, opened, tell

WORKERS = count(32, 64)
SLOTS = count(100, 500)
REPLICAS = 4
PACE = Pace(min_interval=0.02, cooldown=20, daily_limit=0, probe_lease=60)
# Seconds since the epoch as floats are this coarse.
GRAIN = 1e-6


class Instant:
    """An upstream that answers at once."""

    name = "nalog"

    def serves(self, request: LookupRequest) -> bool:
        return True

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        return Reply(Verdict(Status.FOUND, INN, self.name))


@pytest.fixture
def mongo() -> Iterator[Mongo]:
    with replica_set(1) as mongo:
        yield mongo


def test_replicas_together_keep_one_pace_and_waste_none_of_it(mongo: Mongo) -> None:
    recorder = Recorder()
    monitoring.register(recorder)
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(opened(mongo.uri))) for _ in range(REPLICAS)]
        desks = [Providers([(Instant(), PACE)], store, NullObserver(), Manners(patience=60)) for store in stores]
        began = time.monotonic()
        with recorder.recording():
            at_once(lambda number: desks[number % REPLICAS].ask(request(number)), SLOTS, threads=WORKERS)
        took = time.monotonic() - began
        steps = [reply["value"] for reply in recorder.replies if "taken" in reply.get("value", {})]
    turns = sorted((step for step in steps if step["taken"]), key=lambda step: float(step["slot"]))
    assert len(turns) == SLOTS
    gaps = [later["slot"] - earlier["slot"] for earlier, later in pairwise(turns)]
    assert min(gaps) > PACE.min_interval - GRAIN
    # Whoever had to wait got the very next slot; a gap is left only where nobody waited.
    waited = [gap for gap, turn in zip(gaps, turns[1:], strict=True) if turn["slot"] > turn["now"]]
    assert max(waited) < PACE.min_interval + GRAIN
    total, ideal = sum(gaps), PACE.min_interval * len(gaps)
    tell(f"{WORKERS} workers, {SLOTS} slots: {total:.3f} s by the server, ideal {ideal:.3f} s, in all {took:.3f} s")
    if FULL:
        # A machine that does other work meanwhile has moments in which nobody waits.
        assert total < ideal * 1.02
