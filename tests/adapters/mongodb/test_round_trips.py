"""What the driver sends to the server for each call of a store."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from pymongo import monitoring

from adapters.mongodb import MongoStore
from adapters.mongodb.batching import Batcher
from function.ports import Claim
from function.rate_limit import RateLimit
from tests.adapters.mongodb.conftest import KEY, OLD_KEY, Place
from tests.contracts.stores import StoreHarness, at_once, request
from tests.servers.process import wait_for

UNPACED = RateLimit(min_interval=0, cooldown=0, daily_limit=0, probe_lease=1)
PACED = replace(UNPACED, min_interval=1000)
COOLED = replace(UNPACED, cooldown=1000)
DURABLE = {"w": "majority", "j": True}


class Recorder(monitoring.CommandListener):
    """Records the commands of a block. `before_first` holds up the first."""

    def __init__(self) -> None:
        self._on = False
        self.before_first: Callable[[], object] = lambda: None
        self.commands: list[dict[str, Any]] = []

    @contextmanager
    def expecting(self, *names: str) -> Iterator[None]:
        """The block sends these commands, each with what it is sent to."""
        self.commands, self._on = [], True
        yield
        self._on = False
        sent = ((next(iter(command)), command) for command in self.commands)
        assert [f"{name} {command[name]}" for name, command in sent] == list(names)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self._on:
            self.commands.append(dict(event.command))
            hold, self.before_first = self.before_first, lambda: None
            hold()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


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


@pytest.mark.parametrize(
    ("keys", "plan"), [((KEY,), "IDHACK"), ((OLD_KEY, KEY), "IXSCAN")], ids=["one key", "several keys"]
)
def test_a_find_is_one_read_of_the_index_with_a_projection_and_a_claim_under_several_keys_takes_one_more(
    place: Place, harness: StoreHarness, recorder: Recorder, keys: tuple[str, ...], plan: str
) -> None:
    harness.save(request(), harness.answer())
    with closing(place.store(*keys)) as store:
        with recorder.expecting("find answers"):
            assert store.find_many([request().person])
        [sent] = recorder.commands
        with recorder.expecting(*["aggregate answers"] * (len(keys) - 1), "findAndModify answers"):
            store.find_or_claim(request(2).person)
    assert not {"claim", "ticket"} & sent["projection"].keys()
    find = {name: sent[name] for name in ("find", "filter", "projection", "limit", "batchSize")}
    winning = str(place.raw.command("explain", find)["queryPlanner"]["winningPlan"])
    assert plan in winning
    assert "COLLSCAN" not in winning


def test_many_are_found_in_one_trip(harness: StoreHarness, recorder: Recorder) -> None:
    # The driver's own first batch would be 101.
    requests = [request(number) for number in range(120)]
    at_once(lambda number: harness.save(requests[number], harness.answer()), len(requests))
    with recorder.expecting("find answers"):
        assert len(harness.store.find_many([wanted.person for wanted in requests])) == 120
        assert harness.store.find_many([]) == {}


def test_each_update_of_a_claim_is_one_durable_write_and_a_save_two_the_row_of_history_first(
    harness: StoreHarness, recorder: Recorder
) -> None:
    claiming = ["findAndModify answers", "update answers", "update answers"]
    with recorder.expecting(*claiming, "update history", "update answers"):
        claim = harness.claim(request())
        harness.store.renew([claim])
        harness.store.release(claim)
        harness.store.save(claim, request(), harness.answer())
    assert [command["writeConcern"] for command in recorder.commands] == [DURABLE] * 5
    assert not any("autocommit" in command for command in recorder.commands)


def test_a_provider_state_is_read_and_replaced_where_a_decision_changes_it(
    recorded: MongoStore, recorder: Recorder
) -> None:
    read, first = ["aggregate providers"], ["aggregate providers", "hello 1", "findAndModify providers"]
    recorded.recover("nalog")
    for call, commands in (
        (lambda: recorded.acquire("nalog", PACED), first),
        (lambda: recorded.acquire("nalog", PACED), read),
        (lambda: recorded.acquire("nalog", UNPACED), read),
        (lambda: recorded.check("nalog", PACED), read),
        (lambda: recorded.recover("nalog"), read),
        (lambda: recorded.cool_down("nalog", COOLED), [*read, "findAndModify providers"]),
    ):
        with recorder.expecting(*commands):
            call()
    assert recorder.commands[-1]["writeConcern"] == DURABLE


def test_claims_tickets_renewals_and_saves_made_together_share_their_round_trips(
    recorded: MongoStore, harness: StoreHarness, recorder: Recorder
) -> None:
    harness.save(request(99), harness.answer())
    requests = [request(number) for number in range(8)]
    persons = [each.person for each in requests]

    def together(batcher: Batcher[Any, Any], call: Callable[..., Any], *items: list[Any]) -> list[Any]:
        """What the calls return that wait while the first one of them is under way."""
        others = len(requests) - 1
        recorder.before_first = lambda: wait_for(lambda: len(batcher.waiting) == others, within=30, what="the others")
        with ThreadPoolExecutor(len(requests)) as threads:
            return [claim for claim in threads.map(call, *items) if isinstance(claim, Claim)]

    # Of persons without a document the reply to the update says all.
    with recorder.expecting("findAndModify answers", "update answers"):
        held = together(recorded._claims, recorded.find_or_claim, persons)
    assert [claim.person for claim in held] == persons
    with recorder.expecting("update answers"):
        recorded.renew(held)
    with recorder.expecting("update answers", "update answers"):
        together(recorded._writes, recorded.keep_ticket, held, [harness.ticket()] * len(held), [0] * len(held))
    with recorder.expecting("findAndModify answers", "update answers", "aggregate answers"):
        held = together(recorded._claims, recorded.find_or_claim, persons)
    assert [claim.ticket for claim in held] == [harness.ticket()] * len(persons)
    with recorder.expecting(*["update history", "update answers"] * 2):
        together(recorded._writes, recorded.save, held, requests, [harness.answer()] * len(requests))
    assert len(recorded.find_many(persons)) == len(persons)
