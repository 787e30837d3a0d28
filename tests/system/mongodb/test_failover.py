from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count as numbers
from threading import Event, Lock, Thread
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from function.handler import handle
from function.outcomes import Answered, Deferred, Reason
from function.ports import Unavailable
from function.rate_limit import Permit, RateLimit
from tests.contracts.stores import request
from tests.doubles import ScriptedProvider, event
from tests.servers.mongod import Member, Mongo, replica_set
from tests.servers.process import wait_for
from tests.system.mongodb.world import DATABASE, RECOVERY_SEC, open_store, ports

WORKERS = 8
LOOKUPS = 10
LIMIT = RateLimit(min_interval=0.001, cooldown=20, daily_limit=0, probe_lease=60)


class Load:
    """Workers that look up new persons and known ones, and acquire permits, without end; and how each ended."""

    def __init__(self, uri: str) -> None:
        # Less than an election takes: the driver would else wait for its end, unnoticed.
        self._store = open_store(uri, operation=1)
        self._ports = ports(self._store, ScriptedProvider())
        self._stop = Event()
        self._lock = Lock()
        self._next = numbers()
        self._threads = [Thread(target=self._work) for _ in range(WORKERS)]
        self.ended: Counter[str] = Counter()
        self.found: set[int] = set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        self.stop()
        self._store.close()

    def lost(self) -> list[int]:
        """Those that were answered once, and are not known any more."""
        known = self._store.find_many([request(number).person for number in self.found])
        return [number for number in self.found if request(number).person not in known]

    def go_on(self) -> None:
        """Wait until more lookups have been answered."""
        wanted = self.ended["answered"] + LOOKUPS
        wait_for(lambda: self.ended["answered"] >= wanted, within=RECOVERY_SEC, what=f"more answers {self.ended}")

    def _work(self) -> None:
        while not self._stop.is_set():
            self._count(self._lookup)
            self._count(self._acquire)

    def _count(self, work: Callable[[], str]) -> None:
        try:
            ending = work()
        except BaseException as exc:  # noqa: BLE001  # that there is none is what is tested
            ending = f"{type(exc).__name__}: {exc}"
        with self._lock:
            self.ended[ending] += 1

    def _lookup(self) -> str:
        with self._lock:
            number = next(self._next)
        outcome = handle(event(documentNumber=f"{100000 + number}", requestId=f"r-{number}"), self._ports)
        match outcome:
            case Answered():
                with self._lock:
                    self.found.add(number)
                return "answered"
            case Deferred(_, Reason.STORE_UNAVAILABLE):
                return "deferred"
        return type(outcome).__name__

    def _acquire(self) -> str:
        try:
            result = self._store.acquire("nalog", LIMIT)
        except Unavailable:
            return "no limiter"
        return "permit" if isinstance(result, Permit) else "denied"


def step_down(primary: Member) -> None:
    uri = f"mongodb://{primary.address}/?directConnection=true"
    # It may close the connection that tells it to.
    with MongoClient[dict[str, Any]](uri) as client, suppress(AutoReconnect):
        client.admin.command("replSetStepDown", 30, force=True)


def start_a_new_process(mongo: Mongo) -> None:
    """One that has an index to make in what is kept already, while a member is down."""
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        client[DATABASE]["history"].drop_index("provider")
        open_store(mongo.uri).close()
        assert "provider" in client[DATABASE]["history"].index_information()


def test_lookups_under_way_are_at_worst_deferred_when_the_primary_changes_and_go_on_by_themselves() -> None:
    with replica_set(3) as mongo, closing(Load(mongo.uri)) as load:
        load.go_on()
        first = mongo.primary()
        step_down(first)
        wait_for(lambda: mongo.primary() is not first, within=RECOVERY_SEC, what="another primary")
        load.go_on()
        mongo.primary().kill()
        load.go_on()
        start_a_new_process(mongo)
        load.stop()
        assert load.ended.keys() <= {"answered", "deferred", "permit", "denied", "no limiter"}
        assert load.ended["deferred"] > 0
        assert load.lost() == []
