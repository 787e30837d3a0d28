import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from threading import Barrier
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from function.handler import handle
from function.outcomes import Answered, InProgress
from function.ports import Ticket, Verdict
from function.rate_limit import RateLimit
from function.request import LookupRequest
from tests.contracts.stores import at_once
from tests.doubles import FOUND, INN, event
from tests.servers.mongod import Mongo, replica_set
from tests.servers.process import wait_for
from tests.system.mongodb.world import DATABASE, open_store, ports

PROCESSES = 3
THREADS = 12
BOUND_SEC = 120
WORKERS = 32
PERMITS = 100
REPLICAS = 4
LIMIT = RateLimit(min_interval=0.02, cooldown=20, daily_limit=0, probe_lease=60)
# Seconds since the epoch as floats are this coarse.
GRAIN = 1e-6


@pytest.fixture(scope="module")
def mongo() -> Iterator[Mongo]:
    with replica_set(1) as mongo:
        yield mongo


class CountingProvider:
    """A provider that counts its calls where all processes see them, and answers once everybody else waits."""

    def __init__(self, calls: Collection[dict[str, Any]], waiting: Collection[dict[str, Any]]) -> None:
        self._calls = calls
        self._waiting = waiting

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict:
        self._calls.insert_one({})
        everybody_else = PROCESSES * THREADS - 1
        wait_for(
            lambda: self._waiting.count_documents({}) >= everybody_else, within=BOUND_SEC, what="all others to wait"
        )
        return FOUND


def lookups(uri: str) -> list[tuple[str, bool]]:
    """What one process's threads were answered, each in the end: the INN, and whether it was cached."""
    with MongoClient[dict[str, Any]](uri) as client, closing(open_store(uri, THREADS)) as store:
        waiting = client[DATABASE]["waiting"]
        world = ports(store, CountingProvider(client[DATABASE]["calls"], waiting))
        start = Barrier(THREADS)

        def lookup(_: int) -> tuple[str, bool]:
            start.wait(BOUND_SEC)
            outcome = handle(event(), world)
            if isinstance(outcome, InProgress):
                waiting.insert_one({})
                person = outcome.request.person
                wait_for(lambda: store.find_many([person]), within=BOUND_SEC, what="the other worker's answer")
                outcome = handle(event(), world)
            assert isinstance(outcome, Answered)
            return outcome.answer.inn, outcome.cached

        return list(at_once(lookup, THREADS, threads=THREADS))


def test_a_new_person_that_all_processes_want_at_once_is_asked_for_once(mongo: Mongo) -> None:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        each = pool.map_async(lookups, [mongo.uri] * PROCESSES).get(2 * BOUND_SEC)
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        calls = client[DATABASE]["calls"].count_documents({})
        rows = client[DATABASE]["history"].count_documents({})
    answers = [answer for answers in each for answer in answers]
    assert calls == 1
    assert rows == 1
    assert len(answers) == PROCESSES * THREADS
    assert {inn for inn, _ in answers} == {INN}
    assert [cached for _, cached in answers].count(False) == 1
