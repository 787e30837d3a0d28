"""`inn consume` as processes, between a real broker, a real MongoDB and the emulated tax service."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from pymongo import MongoClient

from adapters.rabbitmq.topology import DELIVERY_LIMIT
from function.ports import LEASE_SEC
from local_runtime.emulator.process import Emulator
from tests.relay import relay
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import free_port, wait_for
from tests.servers.rabbitmq import PASSWORD, Node
from tests.system.process import Process, kept, patched, settings_of
from tests.system.rabbitmq.crowd import Crowd, crowd
from tests.system.rabbitmq.room import ask

Settings = dict[str, str]
Start = Callable[..., Process]
_NUMBERS = count()


@pytest.fixture
def settings(node: Node, secured_mongo: Mongo, emulator: Emulator) -> Settings:
    """Right settings, with queues and a database of this test's own."""
    return {
        **settings_of(f"consume-{next(_NUMBERS)}", secured_mongo, emulator, node),
        "MONGO_TIMEOUT_SERVER_SELECT": "500",
        "APP_REQUEST_RETRY_SEC": "0.2",
        "APP_START_TIMEOUT_SEC": "60",
        "CLIENT_NALOG_TIMEOUT_SEC": "3",
        "LOG_LEVEL": "WARNING",
    }


@pytest.fixture
def customers(settings: Settings, node: Node) -> Iterator[Crowd]:
    with crowd(node.uri, settings["RABBITMQ_SOURCE_QUEUE_NAME"]) as customers:
        yield customers


@pytest.fixture
def consume(settings: Settings, start: Start) -> Start:
    """Start a consumer with these settings otherwise, and wait until it is ready."""

    def consume(**changes: str) -> Process:
        process = start({**settings, **changes})
        process.answers("/readyz", 200)
        return process

    return consume


IN_HAND = 8  # messages that a lane holds at most, and one more as it begins


def bury(settings: Settings) -> None:
    """Let the claims of the dead end now, and not with their lease."""
    with MongoClient[dict[str, Any]](settings["MONGO_DSN"]) as client:
        answers = client[settings["MONGO_NAME"]]["answers"]
        answers.update_many({"claim": {"$exists": True}}, {"$set": {"claim.until": datetime.now(UTC)}})


def persons(number: int) -> list[dict[str, Any]]:
    return [ask(each) for each in range(number)]


def statuses(replies: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {copies[0]["status"] for copies in replies.values()}


def test_every_request_has_its_reply_though_the_consumer_is_killed_twice(
    settings: Settings, consume: Start, customers: Crowd, emulator: Emulator
) -> None:
    """Claims of the dead end with their lease, which is short: their lookups go on."""
    emulator.control(latency=0.2)
    settings["RABBITMQ_PREFETCH_COUNT"] = str(IN_HAND)
    leases: list[float] = []
    consumer = consume()
    customers.asks(persons(80))
    for enough in (20, 50):
        customers.got(enough)
        consumer.end(signal.SIGKILL)
        leases += leases_left(settings)
        bury(settings)
        consumer = consume()
    replies = customers.got(80)
    assert consumer.end(signal.SIGTERM) == 0
    assert customers.waiting(".dead") == 0
    # What was unacknowledged in either lane, each of the two times, may have been answered or moved already.
    assert sum(map(len, replies.values())) <= 80 + 2 * 2 * (IN_HAND + 1)
    assert all(len({(copy["status"], copy["inn"]) for copy in copies}) == 1 for copies in replies.values())
    assert statuses(replies) <= {"found", "not_found", "ambiguous"}
    assert leases
    assert max(leases) <= LEASE_SEC


def leases_left(settings: Settings) -> list[float]:
    """Seconds that claims still last, by the clock of MongoDB."""
    with MongoClient[dict[str, Any]](settings["MONGO_DSN"]) as client:
        now = client.admin.command("hello")["localTime"]
        claimed = client[settings["MONGO_NAME"]]["answers"].find({"claim.until": {"$gt": now}})
        return [(document["claim"]["until"] - now).total_seconds() for document in claimed]


def test_pending_lookups_survive_a_kill_and_a_failed_poll_without_another_find(
    consume: Start, customers: Crowd, emulator: Emulator
) -> None:
    emulator.control(pending=1, rules=[{"case": "poll_502", "times": 10}])
    consumer = consume(CLIENT_NALOG_TIMEOUT_SEC="8")
    customers.asks(persons(20))
    wait_for(lambda: emulator.stats(brief=True).gets >= 15, within=60, what="first polls, ten of which fail")
    consumer.end(signal.SIGKILL)
    consume(CLIENT_NALOG_TIMEOUT_SEC="8")
    replies = customers.got(20)
    assert customers.waiting(".dead") == 0
    assert statuses(replies) == {"found"}
    assert emulator.stats(brief=True).finds <= 22


def test_one_of_two_consumers_ends_in_order_under_load(consume: Start, customers: Crowd) -> None:
    staying, leaving = consume(), consume()
    customers.asks(persons(80))
    customers.got(20)
    assert leaving.end(signal.SIGTERM) == 0
    replies = customers.got(80)
    assert customers.waiting(".dead") == 0
    assert sum(map(len, replies.values())) == 80
    assert staying.process.poll() is None


def test_a_store_that_dies_under_load_costs_nobody_a_failure(
    settings: Settings, consume: Start, customers: Crowd
) -> None:
    with standalone() as own:
        settings |= {"MONGO_DSN": own.uri, "APP_REQUEST_RETRY_TIMES": "0"}
        consumer = consume()
        customers.asks(persons(60))
        customers.got(10)
        own.members[0].kill()
        consumer.answers("/readyz", 503)
        assert consumer.get("/livez").status == 200
        parts = consumer.get("/readyz").json()["parts"]
        ready = {"store": False, "providers": True, "fast_lane": True, "slow_lane": True}
        assert {name: part["ready"] for name, part in parts.items()} == ready
        held = b'inn_holds_total{reason="store_unavailable"}'
        wait_for(lambda: held in consumer.get("/metrics").data, within=60, what="messages that wait")
        assert "store_unavailable" in consumer.errors
        own.members[0].start()
        bury(settings)
        replies = customers.got(60)
        consumer.answers("/readyz", 200)
    assert not {"failed", "rejected"} & statuses(replies)
    outages = [line for line in map(json.loads, consumer.errors.splitlines()) if line["event"].startswith("store_")]
    for lane in {line["queue"] for line in outages}:
        assert [line["event"] for line in outages if line["queue"] == lane] == ["store_unavailable", "store_available"]


FAULTS: list[dict[str, Any]] = [
    {"rules": [{"status": 500}]},
    {"rules": [{"on": "find", "body": "garbage"}]},
    {"rules": [{"on": "get", "state": 1, "inn": "123456789012"}]},
    {"rules": [{"on": "find", "connection": "hang"}]},
    {"scenario": "captcha"},
]


def test_whatever_the_tax_service_does_all_is_answered_when_it_ends(
    consume: Start, customers: Crowd, emulator: Emulator
) -> None:
    consume(APP_REQUEST_RETRY_TIMES="1000", CLIENT_NALOG_COOLDOWN_SEC="0.1", CLIENT_NALOG_TIMEOUT_SEC="1")
    customers.asks(persons(10))
    for fault in FAULTS:
        emulator.reset()
        emulator.control(**fault)
        wait_for(lambda: emulator.stats(brief=True).finds > 1, within=60, what=f"calls in spite of {fault}")
    emulator.reset()
    replies = customers.got(10)
    assert customers.waiting(".dead") == 0
    assert not {"failed", "rejected"} & statuses(replies)


def test_a_find_whose_connection_was_lost_is_kept_and_the_next_process_polls_on(
    consume: Start, customers: Crowd, node: Node, emulator: Emulator, silent: threading.Event
) -> None:
    with relay("127.0.0.1", node.port) as wire:
        consumer = consume(RABBITMQ_DSN=node.uri.replace(f":{node.port}", f":{wire.port}"))
        emulator.control(pending=1)
        customers.asks(persons(1))
        wait_for(lambda: emulator.stats().finds == 1, within=60, what="the find")
        wire.cut()
        consumer.process.send_signal(signal.SIGTERM)
        consumer.listens_no_more()
        silent.set()
        assert consumer.end() == 0
        consume()
        [[reply]] = customers.got(1).values()
    assert (reply["status"], emulator.stats().finds) == ("found", 1)


@pytest.mark.usefixtures("silent")
def test_a_lookup_that_outlasts_the_drain_goes_back_and_the_next_may_ask(
    settings: Settings, start: Start, customers: Crowd, emulator: Emulator
) -> None:
    hurried = patched("import adapters.rabbitmq.lanes as lanes; lanes.DRAIN_SEC = 0.1")
    consumer = start(settings, *hurried, "consume")
    consumer.answers("/readyz", 200)
    customers.asks(persons(1))
    wait_for(lambda: emulator.stats().finds == 1, within=60, what="the find")
    assert "claim" in kept(settings)
    assert consumer.end(signal.SIGTERM) == 0
    assert "claim" not in kept(settings)
    wait_for(lambda: customers.waiting(".lookup") == 1, within=60, what="the request in its queue")


def test_with_no_server_there_it_ends_and_says_which(settings: Settings, start: Start) -> None:
    address = f"inn:{PASSWORD}@127.0.0.1:{free_port()}/"
    nowhere = {"RABBITMQ_DSN": f"amqp://{address}", "MONGO_DSN": f"mongodb://{address}", "APP_START_TIMEOUT_SEC": "2"}
    consumer = start({**settings, **nowhere})
    consumer.answers("/readyz", 503)
    assert consumer.get("/livez").status == 200
    assert consumer.end() == 1
    lines = [line for line in consumer.errors.splitlines() if not line.startswith("{")]
    assert [line.partition(":")[0] for line in lines] == ["inn", "MongoDB"]
    assert lines[0].startswith("inn: RabbitMQ: no broker")
    log = [json.loads(line) for line in consumer.errors.splitlines() if line.startswith("{")]
    told = sorted((line["event"], line["server"]) for line in log if line["event"] != "library")
    assert told == [("server_unreachable", "mongodb"), ("server_unreachable", "rabbitmq")]
    assert PASSWORD not in consumer.errors


@pytest.mark.parametrize(
    ("name", "said"),
    [("RABBITMQ_DSN", "inn: RabbitMQ: the user or the password is wrong"), ("MONGO_DSN", "inn: MongoDB: ")],
)
def test_a_wrong_password_ends_it_at_once(
    settings: Settings, start: Start, secured_mongo: Mongo, name: str, said: str
) -> None:
    secret = PASSWORD if name == "RABBITMQ_DSN" else secured_mongo.password
    wrong = settings[name].replace(secret, "wrong-password")
    consumer = start({**settings, name: wrong, "APP_START_TIMEOUT_SEC": "0"})
    assert consumer.end() == 1
    assert consumer.errors.splitlines()[-1].startswith(said)
    assert "wrong-password" not in consumer.errors


def test_a_signal_during_a_start_without_a_limit_ends_it_in_order(settings: Settings, start: Start) -> None:
    away = {"RABBITMQ_DSN": f"amqp://inn:x@127.0.0.1:{free_port()}/", "APP_START_TIMEOUT_SEC": "0"}
    consumer = start({**settings, **away})
    consumer.answers("/readyz", 503)
    assert consumer.get("/livez").status == 200
    assert consumer.end(signal.SIGTERM) == 0


DEADLY = """
import os, signal
from adapters.providers.nalog.provider import Nalog
from function.outcomes import Status
from function.ports import ProviderReply, Verdict
def ask(self, request, ticket):
    if request.request_id == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return ProviderReply(Verdict(Status.NOT_FOUND, "", "nalog"))
Nalog.ask = ask"""


def test_a_poison_message_is_parked_and_the_others_are_served(
    settings: Settings, start: Start, customers: Crowd
) -> None:
    """A consumer dies of one request and is started again each time."""
    others = persons(20)
    consumer = start(settings, *patched(DEADLY), "consume")
    consumer.answers("/readyz", 200)
    customers.asks([*others[:10], ask(99, requestId="poison"), *others[10:]])
    for _ in range(DELIVERY_LIMIT + 1):
        assert consumer.end() == -signal.SIGKILL
        bury(settings)
        consumer = start(settings, *patched(DEADLY), "consume")
    consumer.answers("/readyz", 200)
    assert set(customers.got(20)) == {other["requestId"] for other in others}
    # What is returned once more than the limit allows is parked.
    assert customers.waiting(".dead") == 1
    assert consumer.process.poll() is None
