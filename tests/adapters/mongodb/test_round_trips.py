from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from pymongo import monitoring

from adapters.mongodb import MongoStore
from adapters.mongodb.batching import Batcher
from function.ports import Claim
from function.rate_limit import RateLimit
from tests.adapters.mongodb.conftest import KEY, OLD_KEY, Place
from tests.adapters.mongodb.recorder import Recorder
from tests.contracts.stores import StoreHarness, at_once, request
from tests.servers.process import wait_for

UNPACED = RateLimit(min_interval=0, cooldown=0, daily_limit=0, probe_lease=1)
PACED = replace(UNPACED, min_interval=1000)
COOLED = replace(UNPACED, cooldown=1000)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    recorder = Recorder()
    # The driver cannot unregister it: it stays with all later clients, and records nothing then.
    monitoring.register(recorder)
    return recorder


@pytest.fixture
def recorded(recorder: Recorder, place: Place) -> Iterator[MongoStore]:
    """A store whose commands the recorder records."""
    with closing(place.store()) as store:
        yield store


@pytest.fixture
def harness(place: Place, recorded: MongoStore) -> StoreHarness:
    return place.harness(recorded)


def plan_of(place: Place, command: dict[str, Any]) -> str:
    find = {name: command[name] for name in ("find", "filter", "projection", "limit", "batchSize")}
    return str(place.raw.command("explain", find)["queryPlanner"]["winningPlan"])


def test_one_person_is_found_in_one_read_by_the_id_with_a_projection(
    place: Place, harness: StoreHarness, recorder: Recorder
) -> None:
    harness.save(request(), harness.answer())
    with recorder.recording():
        assert harness.store.find_many([request().person])
    assert recorder.names == ["find answers"]
    assert not {"claim", "ticket"} & recorder.commands[0]["projection"].keys()
    assert "IDHACK" in plan_of(place, recorder.commands[0])


def test_under_several_keys_a_find_is_one_read_of_the_index_and_a_claim_takes_one_more_read(
    place: Place, harness: StoreHarness, recorder: Recorder
) -> None:
    harness.save(request(), harness.answer())
    with closing(place.store(OLD_KEY, KEY)) as store:
        with recorder.recording():
            assert store.find_many([request().person])
            assert not store.find_many([request(2).person])
            store.find_or_claim(request(2).person)
        assert recorder.names == ["find answers"] * 2 + ["aggregate answers", "findAndModify answers"]
    plan = plan_of(place, recorder.commands[0])
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


def test_many_are_found_in_one_trip(recorded: MongoStore, harness: StoreHarness, recorder: Recorder) -> None:
    # The driver's own first batch would be 101.
    requests = [request(number) for number in range(120)]
    at_once(lambda number: harness.save(requests[number], harness.answer()), len(requests))
    with recorder.recording():
        assert len(recorded.find_many([wanted.person for wanted in requests])) == 120
        assert recorded.find_many([]) == {}
    assert recorder.names == ["find answers"]


def test_each_update_of_a_claim_is_one_durable_write_and_a_save_two_the_row_of_history_first(
    harness: StoreHarness, recorder: Recorder
) -> None:
    with recorder.recording():
        claim = harness.claim(request())
        harness.store.renew([claim])
        harness.store.release(claim)
        harness.store.save(claim, request(), harness.answer())
    claiming = ["findAndModify answers", "update answers", "update answers"]
    assert recorder.names == [*claiming, "update history", "update answers"]
    assert [command["writeConcern"] for command in recorder.commands] == [{"w": "majority", "j": True}] * 5
    assert not any("autocommit" in command for command in recorder.commands)


def test_a_provider_state_is_read_and_replaced_where_a_decision_changes_it(
    recorded: MongoStore, recorder: Recorder
) -> None:
    read, first = ["aggregate providers"], ["aggregate providers", "hello 1", "findAndModify providers"]
    replaced = ["aggregate providers", "findAndModify providers"]
    recorded.recover("nalog")
    for call, commands in (
        (lambda: recorded.cool_down("apifns", COOLED), first),
        (lambda: recorded.cool_down("apifns", COOLED), read),
        (lambda: recorded.acquire("nalog", PACED), first),
        (lambda: recorded.acquire("nalog", PACED), read),
        (lambda: recorded.acquire("nalog", UNPACED), read),
        (lambda: recorded.check("nalog", PACED), read),
        (lambda: recorded.recover("nalog"), read),
        (lambda: recorded.cool_down("nalog", COOLED), replaced),
    ):
        with recorder.recording():
            call()
        assert recorder.names == commands
    assert recorder.commands[-1]["writeConcern"] == {"w": "majority", "j": True}


def test_claims_tickets_renewals_and_saves_made_together_share_their_round_trips(
    recorded: MongoStore, harness: StoreHarness, recorder: Recorder
) -> None:
    harness.save(request(99), harness.answer())
    requests = [request(number) for number in range(8)]
    persons = [each.person for each in requests]

    def all_but_one_wait(batcher: Batcher[Any, Any]) -> None:
        others = len(requests) - 1
        recorder.before_first = lambda: wait_for(lambda: batcher.waiting == others, within=30, what="calls that wait")

    with ThreadPoolExecutor(len(requests)) as threads:
        all_but_one_wait(recorded._claims)
        with recorder.recording():
            claims = list(threads.map(recorded.find_or_claim, persons))
        # Of persons without a document the reply to the update says all.
        assert recorder.names == ["findAndModify answers", "update answers"]
        held = [claim for claim in claims if isinstance(claim, Claim)]
        assert [claim.person for claim in held] == persons
        with recorder.recording():
            recorded.renew(held)
        assert recorder.names == ["update answers"]
        all_but_one_wait(recorded._tickets)
        with recorder.recording():
            list(threads.map(recorded.keep_ticket, held, [harness.ticket()] * len(held), [0] * len(held)))
        assert recorder.names == ["update answers"] * 2
        all_but_one_wait(recorded._claims)
        with recorder.recording():
            claims = list(threads.map(recorded.find_or_claim, persons))
        assert recorder.names == ["findAndModify answers", "update answers", "aggregate answers"]
        held = [claim for claim in claims if isinstance(claim, Claim)]
        assert [claim.ticket for claim in held] == [harness.ticket()] * len(persons)
        all_but_one_wait(recorded._saves)
        with recorder.recording():
            list(threads.map(recorded.save, held, requests, [harness.answer()] * len(requests)))
        assert recorder.names == ["update history", "update answers"] * 2
    assert len(recorded.find_many(persons)) == len(persons)
