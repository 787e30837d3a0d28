from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from pymongo import monitoring

from adapters.mongodb import MongoStore
from adapters.mongodb import connection as connection_module
from adapters.mongodb.gathering import Gathering
from function.ports import Claim
from function.rate_limit import Pace, Turn
from tests.adapters.mongodb.conftest import KEY, OLD_KEY, Place
from tests.adapters.mongodb.listening import Recorder
from tests.contracts.stores import request
from tests.servers.process import wait_for

PACE = Pace(min_interval=0, cooldown=0, daily_limit=0, probe_lease=1)
SPACED = replace(PACE, min_interval=1)
LONG = 30


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    recorder = Recorder()
    # The driver knows no way back: it tells this one of all later clients, and that one then does not listen.
    monitoring.register(recorder)
    return recorder


@pytest.fixture
def heard(recorder: Recorder, prepared: tuple[Place, MongoStore]) -> Iterator[MongoStore]:
    """A store that the recorder hears."""
    with closing(prepared[0].store()) as store:
        yield store


def plan_of(place: Place, command: dict[str, Any]) -> str:
    find = {name: command[name] for name in ("find", "filter", "projection", "limit", "batchSize")}
    return str(place.raw.command("explain", find)["queryPlanner"]["winningPlan"])


def test_a_find_is_one_read_by_the_id_with_a_projection(
    heard: MongoStore, recorder: Recorder, prepared: tuple[Place, MongoStore]
) -> None:
    place, _ = prepared
    place.kept(heard).save(request(), place.kept(heard).answer())
    with recorder.recording():
        assert heard.find(request().person) is not None
    assert recorder.names == ["find answers"]
    assert "claim" not in recorder.commands[0]["projection"]
    assert "IDHACK" in plan_of(place, recorder.commands[0])


def test_a_find_under_several_keys_is_one_read_of_the_index(
    recorder: Recorder, prepared: tuple[Place, MongoStore]
) -> None:
    place, old = prepared
    place.kept(old).save(request(), place.kept(old).answer())
    with closing(place.store(OLD_KEY, KEY)) as store:
        with recorder.recording():
            assert store.find(request().person) is not None
            assert store.find(request(2).person) is None
        assert recorder.names == ["find answers", "find answers"]
        plan = plan_of(place, recorder.commands[0])
        assert "IXSCAN" in plan
        assert "COLLSCAN" not in plan


def test_many_are_found_in_one_trip(heard: MongoStore, recorder: Recorder, prepared: tuple[Place, MongoStore]) -> None:
    kept = prepared[0].kept(heard)
    requests = [request(number) for number in range(250)]
    for wanted in requests:
        heard.save(kept.claimed(wanted), wanted, kept.answer())
    with recorder.recording():
        assert len(heard.find_many([wanted.person for wanted in requests])) == 250
        assert heard.find_many([]) == {}
    assert recorder.names == ["find answers"]


def test_a_claim_and_each_step_of_the_book_is_one_write(heard: MongoStore, recorder: Recorder) -> None:
    with recorder.recording():
        heard.claim(request().person)
        heard.take("nalog", SPACED, 0)
        heard.cool("nalog", PACE)
        heard.clear("nalog")
        heard.look("nalog", PACE)
    providers = ["findAndModify providers", "findAndModify providers", "update providers", "aggregate providers"]
    assert recorder.names == ["findAndModify answers", *providers]
    writes = [command for command in recorder.commands if "writeConcern" in command]
    assert [command["writeConcern"] for command in writes] == [connection_module.WRITES.document] * 4
    assert connection_module.WRITES.document == {"w": "majority", "j": True}


def test_a_turn_that_is_neither_spaced_nor_counted_is_only_read(heard: MongoStore, recorder: Recorder) -> None:
    with recorder.recording():
        assert heard.take("nalog", PACE, 0) == Turn(0)
    assert recorder.names == ["aggregate providers"]


def test_claims_and_saves_made_together_share_their_round_trips(
    heard: MongoStore, recorder: Recorder, prepared: tuple[Place, MongoStore]
) -> None:
    kept = prepared[0].kept(heard)
    kept.save(request(99), kept.answer())
    wanted = [request(number) for number in range(8)]

    def all_but_one_wait(gathering: Gathering[Any, Any]) -> None:
        recorder.before_first = lambda: wait_for(
            lambda: gathering.waiting == len(wanted) - 1,
            within=LONG,
            what="calls that wait",
        )

    with ThreadPoolExecutor(len(wanted)) as threads:
        all_but_one_wait(heard._claimed)
        with recorder.recording():
            claims = list(threads.map(heard.claim, [each.person for each in wanted]))
        assert recorder.names == ["findAndModify answers", "update answers", "find answers"]
        held = [claim for claim in claims if isinstance(claim, Claim)]
        assert [claim.person for claim in held] == [each.person for each in wanted]
        all_but_one_wait(heard._saved)
        with recorder.recording():
            list(threads.map(heard.save, held, wanted, [kept.answer()] * len(wanted)))
        assert recorder.names == ["update history", "update answers", "commitTransaction 1"] * 2
    assert len(heard.find_many([each.person for each in wanted])) == len(wanted)


def test_a_save_is_one_transaction_on_a_replica_set(
    heard: MongoStore, recorder: Recorder, prepared: tuple[Place, MongoStore]
) -> None:
    kept = prepared[0].kept(heard)
    kept.save(request(1), kept.answer())
    claim = kept.claimed(request(2))
    with recorder.recording():
        heard.save(claim, request(2), kept.answer())
    assert recorder.names == ["update history", "update answers", "commitTransaction 1"]
    assert {command["txnNumber"] for command in recorder.commands} == {recorder.commands[0]["txnNumber"]}
    assert recorder.commands[-1]["writeConcern"] == {"w": "majority", "j": True}


def test_a_save_by_a_mongod_alone_writes_history_first(
    recorder: Recorder, prepared_alone: tuple[Place, MongoStore]
) -> None:
    place, _ = prepared_alone
    with closing(place.store()) as store:
        kept = place.kept(store)
        kept.save(request(1), kept.answer())
        claim = kept.claimed(request(2))
        with recorder.recording():
            store.save(claim, request(2), kept.answer())
    assert recorder.names == ["update history", "update answers"]
