"""Lookups of several threads while MongoDB is killed and started again, or changes its primary."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from itertools import count
from threading import Event
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from adapters.answers.key_ring import KeyRing
from adapters.mongodb import MongoConfig, MongoStore
from adapters.runtime.clock import SystemClock
from function.handler import handle
from function.outcomes import Answered, Deferred, Outcome, Reason
from function.ports import Lifetimes, Ports, Unavailable
from function.rate_limit import RateLimit
from tests.doubles import INN, ScriptedProvider, event, numbered
from tests.servers.mongod import Mongo, replica_set, standalone
from tests.servers.process import wait_for

DATABASE = "inn"
RECOVERY_SEC = 120
WORKERS = 8
LOOKUPS = 10
LIMIT = RateLimit(min_interval=0.001, cooldown=20, daily_limit=0, probe_lease=60)


@contextmanager
def open_store(uri: str) -> Iterator[MongoStore]:
    """A store that is ready, with a client of its own."""
    # Less than an election takes: the driver would else wait for its end, unnoticed.
    config = MongoConfig(uri, DATABASE, lease=60, operation=1)
    with closing(MongoStore(config, KeyRing(["k" * 32]), SystemClock())) as store:

        def is_ready() -> bool:
            with suppress(Unavailable):
                store.prepare()
                return True
            return False

        wait_for(is_ready, within=RECOVERY_SEC, what="a store that is ready")
        yield store


class Load:
    """Workers that look up one new person after the other, and acquire permits; how each lookup ended."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._ports = Ports(store, ScriptedProvider(), SystemClock(), Lifetimes(None, None))
        self._numbers = count()
        self._stop = Event()
        self.answered: list[Answered] = []
        self.others: list[Outcome] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(WORKERS) as threads:
            work = [threads.submit(self._work) for _ in range(WORKERS)]
            try:
                yield
            finally:
                self._stop.set()
        for each in work:
            each.result()

    def go_on(self) -> None:
        """Wait until more lookups have been answered."""
        wanted = len(self.answered) + LOOKUPS
        wait_for(lambda: len(self.answered) >= wanted, within=RECOVERY_SEC, what="more answers")

    def _work(self) -> None:
        while not self._stop.is_set():
            outcome = handle(event(**numbered(next(self._numbers))), self._ports)
            if isinstance(outcome, Answered):
                self.answered.append(outcome)
            else:
                self.others.append(outcome)
            with suppress(Unavailable):
                self._store.acquire("nalog", LIMIT)


def kill_and_start(mongo: Mongo, load: Load) -> None:
    [member] = mongo.members
    member.kill()
    wait_for(lambda: load.others, within=RECOVERY_SEC, what="a lookup that is deferred")
    member.start()


def change_the_primary(mongo: Mongo, load: Load) -> None:
    first = mongo.primary()
    # It may close the connection that tells it to.
    with MongoClient[Any](f"mongodb://{first.address}/?directConnection=true") as client, suppress(AutoReconnect):
        client.admin.command("replSetStepDown", 30, force=True)
    wait_for(lambda: mongo.primary() is not first, within=RECOVERY_SEC, what="another primary")
    load.go_on()
    mongo.primary().kill()
    load.go_on()
    # A new process makes an index that is missing, while a member is down.
    with MongoClient[Any](mongo.uri) as client:
        client[DATABASE]["history"].drop_index("provider")
        with open_store(mongo.uri):
            assert "provider" in client[DATABASE]["history"].index_information()


@pytest.mark.parametrize(
    ("deployment", "happens"),
    [
        pytest.param(standalone, kill_and_start, id="a mongod alone is killed"),
        pytest.param(lambda: replica_set(3), change_the_primary, id="the primary changes, and changes again"),
    ],
)
def test_lookups_are_at_worst_deferred_and_no_answer_is_lost_or_without_its_row_of_history(
    deployment: Callable[[], AbstractContextManager[Mongo]], happens: Callable[[Mongo, Load], None]
) -> None:
    with deployment() as mongo, open_store(mongo.uri) as store:
        load = Load(store)
        with load.running():
            load.go_on()
            happens(mongo, load)
            load.go_on()
        assert load.others
        assert all(isinstance(each, Deferred) and each.reason is Reason.STORE_UNAVAILABLE for each in load.others)
        known = store.find_many([each.request.person for each in load.answered])
        assert len(known) == len(load.answered)
        assert {answer.inn for answer in known.values()} == {INN}
        with MongoClient[dict[str, Any]](mongo.uri) as client:
            kept = {each["_id"] for each in client[DATABASE]["answers"].find({"status": {"$exists": True}})}
            rows = {each["_id"]["person"] for each in client[DATABASE]["history"].find()}
        assert kept <= rows
