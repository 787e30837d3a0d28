import json
from collections.abc import Callable

import pytest

from bench.people import request
from bench.servers import running_servers
from bench.soak import run
from bench.soak.clients import Ledger
from bench.soak.faults import FAULTS, plan
from bench.soak.verdict import judge
from local_runtime.emulator.register import entry_for
from tests.servers.rabbitmq import Node

SECONDS = 9.5
SEED = 479  # the one that kills a consumer and the function and pauses both servers in the shortest time


def test_whatever_is_killed_or_paused_nothing_is_lost_and_nothing_is_wrong(node: Node) -> None:
    with running_servers(node) as servers:
        verdict = run(servers, SEED, plan(SEED, SECONDS), lambda _step: None)
    assert verdict.faults == []
    assert verdict.requests > 100


def test_a_seed_gives_the_same_plan_again_and_another_one_another() -> None:
    assert list(plan(1, 300)) == list(plan(1, 300)) != list(plan(2, 300))
    assert {step.fault for step in plan(1, 120)} == set(FAULTS)


def answered(ledger: Ledger, request_id: str, **changes: str) -> None:
    entry = entry_for(request(ledger.persons[request_id]))
    answer = {"requestId": request_id, "status": entry.ending.value, "inn": entry.inn, "details": "", **changes}
    ledger.answered(json.dumps(answer).encode())


@pytest.fixture
def ledger() -> Ledger:
    """Two requests, both answered as they should be."""
    ledger = Ledger(1)
    for request_id in (ledger.next("http")["requestId"], ledger.next("rabbit")["requestId"]):
        answered(ledger, request_id)
    return ledger


BREAKAGES: dict[str, tuple[Callable[[Ledger], object], str]] = {
    "a request without an answer": (lambda ledger: ledger.next("http"), "1 requests were lost: ['http-2']"),
    "an answer of another INN": (
        lambda ledger: answered(ledger, "http-0", inn="770000000082"),
        "1 answers are wrong: another INN than the register's",
    ),
    "an answer of another kind": (
        lambda ledger: answered(ledger, "http-0", status="failed"),
        "1 answers are wrong: failed instead of found",
    ),
    "an answer that nobody asked for": (
        lambda ledger: ledger.answered(b'{"requestId": "x"}'),
        "1 answers to nobody's request",
    ),
}


@pytest.mark.parametrize(("breakage", "fault"), BREAKAGES.values(), ids=BREAKAGES)
def test_a_run_that_went_wrong_says_so(ledger: Ledger, breakage: Callable[[Ledger], object], fault: str) -> None:
    assert judge(ledger, 1, {"soak.dead": 0}, [50, 50]).faults == []
    breakage(ledger)
    assert judge(ledger, 1, {"soak.dead": 0}, [50, 50]).faults == [fault]


def test_parked_messages_and_growing_memory_are_wrong(ledger: Ledger) -> None:
    assert judge(ledger, 1, {"soak.dead": 2}, [50] * 5 + [90] * 5).faults == [
        "2 messages are parked in soak.dead",
        "memory grew from 50 to 90 MiB",
    ]
