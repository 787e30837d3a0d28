from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from threading import Lock
from typing import Any

import pytest
from pymongo import MongoClient

from adapters.mongodb import MongoStore
from function.history import HistoryQuery
from function.outcomes import Answer
from function.ports import Claim, Unavailable
from tests.contracts.stores import at_once, request
from tests.servers.mongod import Mongo, replica_set, standalone
from tests.servers.process import wait_for
from tests.system.mongodb.world import DATABASE, RECOVERY_SEC, answer, available, open_store

SAVES = 200
WRITERS = 8


class Writers:
    """Save numbered persons, and remember what was acknowledged and what was only tried; rest once the store is down."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._lock = Lock()
        self.rest = False
        self.acknowledged: dict[int, Answer] = {}
        self.tried: dict[int, list[Answer]] = {}

    def save(self, number: int) -> None:
        """One save; what cannot be done now is left."""
        if self.rest:
            return
        new = answer()
        try:
            claim = self._store.find_or_claim(request(number).person)
            # Where a crash has left a claim, only the save counts here.
            token = claim.token if isinstance(claim, Claim) else "lost"
            self.tried.setdefault(number, []).append(new)
            self._store.save(Claim(request(number).person, token), request(number), new)
        except Unavailable:
            self.rest = True
            return
        with self._lock:
            self.acknowledged[number] = new


@pytest.mark.parametrize("deployment", [standalone, lambda: replica_set(1)], ids=["a mongod alone", "a replica set"])
def test_what_was_acknowledged_survives_kill_9_and_nothing_half_written_is_served(
    deployment: Callable[[], AbstractContextManager[Mongo]],
) -> None:
    # Whoever is under way when the server dies waits for it for so long.
    with deployment() as mongo, closing(open_store(mongo.uri, operation=2)) as store:
        [member] = mongo.members
        writers = Writers(store)

        def save_or_crash(number: int) -> None:
            if number == SAVES:
                wait_for(lambda: len(writers.acknowledged) >= SAVES // 2, within=RECOVERY_SEC, what="half of the saves")
                member.kill()
            else:
                writers.save(number)

        # The one that kills comes first, and goes on beside the writers.
        at_once(lambda number: save_or_crash((number or SAVES + 1) - 1), SAVES + 1, threads=WRITERS + 1)
        before = dict(writers.acknowledged)
        assert SAVES // 2 <= len(before) < SAVES

        member.start()
        wait_for(lambda: available(store.ping), within=RECOVERY_SEC, what="a store that answers again")
        served = store.find_many([request(number).person for number in writers.tried])
        assert {number: served[request(number).person] for number in before} == before
        for number, tried in writers.tried.items():
            assert served.get(request(number).person) in [None, *tried]
        with MongoClient[dict[str, Any]](mongo.uri) as client:
            kept = {document["_id"] for document in client[DATABASE]["answers"].find({"status": {"$exists": True}})}
            rows = {document["_id"]["person"] for document in client[DATABASE]["history"].find()}
        assert kept <= rows

        writers.rest = False
        at_once(lambda number: None if number in before else writers.save(number), SAVES, threads=WRITERS)
        assert len(writers.acknowledged) == SAVES
        ids = [row.request_id for row in store.history(HistoryQuery(limit=SAVES * 2))]
        assert sorted(ids) == sorted(f"r-{number}" for number in range(SAVES))
