import json
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from pymongo import MongoClient

from local_runtime.emulator.process import Emulator
from tests.servers.mongod import FAULTS_ON_DEMAND, Mongo, keep_indexes_waiting, standalone
from tests.servers.process import free_port, wait_for
from tests.system.process import HEADERS, ROOT, Process, kept, patched, settings_of

Start = Callable[..., Process]
EVERYWHERE = "0.0.0.0"  # noqa: S104  # the point of the test
OPEN = "open_to_everybody"
HOSTS = ("inn serve", "functions-framework")
ADDRESS = "inn: the driver cannot use the address of MongoDB: MONGO_DSN, or MONGO_HOST, MONGO_PORT, MONGO_USER, MONGO_PASS, MONGO_RS and MONGO_AUTH"
PERSON = {
    "requestId": "r-1",
    "lastName": "Кузнецова",
    "firstName": "Дарья",
    "birthDate": "1991-11-30",
    "documentSerial": "4611",
    "documentNumber": "735281",
}


@pytest.fixture
def settings(secured_mongo: Mongo, emulator: Emulator) -> dict[str, str]:
    """Right settings, with a database of this test's own."""
    own = settings_of(f"serve_{uuid4().hex[:8]}", secured_mongo, emulator)
    quick = {"CLIENT_NALOG_WAIT_SEC": "0.05", "MONGO_TIMEOUT_SERVER_SELECT": "500"}
    return {**own, **quick, "HTTP_PORT": str(free_port())}


def serve(start: Start, settings: Mapping[str, str], host: str) -> Process:
    source = str(ROOT / "adapters" / "entry.py")
    where = ["--host", "127.0.0.1", "--port", settings["HTTP_PORT"]]
    command = ["functions-framework", "--source", source, "--target", "inn", *where]
    return start(settings, *(command if host == "functions-framework" else ()))


def test_missing_settings_are_named_all_at_once(start: Start, settings: dict[str, str]) -> None:
    port = {name: settings[name] for name in ("HTTP_PORT",)}
    served = start(port)
    assert served.end() == 2
    assert [line.split(":")[0].strip() for line in served.errors.splitlines()[1:]] == [
        "APP_SECRET_KEYS", "MONGO_HOST", "MONGO_USER", "MONGO_PASS", "MONGO_NAME", "CLIENT_NALOG_URL",
    ]  # fmt: skip
    assert "Traceback" not in served.errors


@pytest.mark.parametrize("host", HOSTS)
def test_a_person_is_found_kept_sealed_and_then_cached(
    start: Start, settings: dict[str, str], emulator: Emulator, host: str
) -> None:
    served = serve(start, settings, host)
    served.answers("/readyz", 200)
    assert served.get("/readyz").json()["parts"] == {
        "store": {"ready": True, "detail": ""},
        "providers": {"ready": True, "detail": "nalog: open"},
    }
    assert served.get("/").status == 405, "there is no page in production"
    first, second = served.ask(PERSON), served.ask({**PERSON, "requestId": "r-2", "lastName": "КУЗНЕЦОВА"})
    assert (first.status, first.json()["status"], first.json()["cached"]) == (200, "found", False)
    assert (second.json()["inn"], second.json()["cached"]) == (first.json()["inn"], True)
    assert emulator.stats().finds == 1
    assert b'inn_requests_total{cached="true"' in served.get("/metrics").data
    assert served.end(signal.SIGTERM) == 0
    assert served.errors.count(OPEN) == (host == "functions-framework"), "which is not told the address"


def test_probes_answer_before_the_store_is_there_and_readiness_follows_it(
    start: Start, settings: dict[str, str]
) -> None:
    with standalone() as mongo:
        member = mongo.members[0]
        assert member.server is not None
        member.kill()
        served = start(
            {**settings, "MONGO_DSN": mongo.uri, "MONGO_TIMEOUT_SERVER_SELECT": "100", "APP_LOOKUP_DEADLINE_SEC": "6"}
        )
        served.answers("/livez", 200)
        assert served.get("/readyz").status == 503
        assert served.ask(PERSON).json()["code"] == "store_unavailable"
        member.start()
        served.answers("/readyz", 200)
        # On a busy machine the lookup may outlast its deadline.
        wait_for(lambda: served.ask(PERSON).status == 200, within=60, what="an answer")
        member.kill()
        served.answers("/readyz", 503)
        assert served.get("/livez").status == 200
        member.start()
        served.answers("/readyz", 200)
        assert served.ask(PERSON).json()["cached"] is True


def test_a_store_that_is_never_reached_ends_the_start_with_a_line(start: Start, settings: dict[str, str]) -> None:
    nowhere = f"mongodb://u:secret@127.0.0.1:{free_port()}"
    served = start({**settings, "MONGO_DSN": nowhere, "APP_START_TIMEOUT_SEC": "2"})
    assert served.end() == 1
    assert served.errors.splitlines()[-1] == (
        "inn: MongoDB: no server that takes writes (MONGO_DSN, or MONGO_HOST and MONGO_PORT)"
    )
    assert "secret" not in served.errors


def test_indexes_that_come_to_no_end_do_not_keep_the_start_from_ending(start: Start, settings: dict[str, str]) -> None:
    with standalone(parameters=(FAULTS_ON_DEMAND,)) as mongo:
        keep_indexes_waiting(mongo, seconds=600)
        served = start({**settings, "MONGO_DSN": mongo.uri, "APP_START_TIMEOUT_SEC": "2"})
        assert served.end() == 1
    assert [line for line in served.errors.splitlines() if not line.startswith("{")] == [
        "inn: MongoDB: its indexes are not made yet (APP_START_TIMEOUT_SEC, 0: no limit, gives it more time)"
    ]


def test_a_wrong_password_ends_the_start_at_once(start: Start, settings: dict[str, str]) -> None:
    wrong = settings["MONGO_DSN"].replace("root:", "root:wrong-")
    served = start({**settings, "MONGO_DSN": wrong, "APP_START_TIMEOUT_SEC": "0"})
    assert served.end() == 1
    assert served.errors.splitlines()[-1].startswith("inn: MongoDB: MongoDB refuses the login (MONGO_USER, MONGO_PASS")
    assert "wrong-" not in served.errors


@pytest.fixture
def emulated_answers(secured_mongo: Mongo, settings: dict[str, str]) -> str:
    """A database as docker compose marks it for the emulated tax service. Returns what a start with the real one's says."""
    with MongoClient[dict[str, Any]](secured_mongo.uri) as client:
        client[settings["MONGO_NAME"]]["origin"].insert_one({"_id": "tax_service", "emulated": True})
    return (
        "inn: the database holds answers of the emulated tax service, and CLIENT_NALOG_URL is the real one's: "
        "set another MONGO_NAME"
    )


def test_answers_of_the_emulated_tax_service_end_the_start(
    start: Start, settings: dict[str, str], emulated_answers: str
) -> None:
    served = start(settings)
    assert served.end() == 2
    assert [line for line in served.errors.splitlines() if not line.startswith("{")] == [emulated_answers]


@pytest.mark.parametrize("fault", ["an address", "answers of the emulated tax service"])
def test_functions_framework_ends_with_a_line_where_it_cannot_use_what_it_is_given(
    start: Start, settings: dict[str, str], emulated_answers: str, fault: str
) -> None:
    wrong, told = ({"MONGO_DSN": "mongodb://"}, ADDRESS) if fault == "an address" else ({}, emulated_answers)
    served = serve(start, {**settings, "HTTP_TOKENS": "secret", **wrong}, "functions-framework")

    def ended() -> bool:
        # The first request ends it; until it listens there is none.
        with suppress(urllib3.exceptions.HTTPError):
            served.get("/livez")
        return served.process.poll() is not None

    wait_for(ended, within=60, what="its end")
    assert served.end() == 3
    assert [line for line in served.errors.splitlines() if line.startswith("inn:")] == [told]
    assert "Traceback" not in served.errors


@pytest.mark.parametrize(
    ("host", "changes", "warnings"),
    [("inn serve", {"HTTP_HOST": EVERYWHERE}, 1), ("functions-framework", {"HTTP_TOKENS": "secret"}, 0)],
)
def test_a_function_open_to_everybody_warns(
    start: Start, settings: dict[str, str], host: str, changes: dict[str, str], warnings: int
) -> None:
    served = serve(start, {**settings, **changes}, host)
    served.answers("/livez", 200)
    wait_for(lambda: served.errors.count(OPEN) == warnings, within=10, what="a warning")


def test_requests_in_work_end_before_the_process_does(
    start: Start, settings: dict[str, str], emulator: Emulator
) -> None:
    served = start(settings)
    served.answers("/readyz", 200)
    emulator.control(latency=0.5)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(served.ask(PERSON).json()["status"]))
    asking.start()
    wait_for(lambda: emulator.stats().finds == 1, within=30, what="the find")
    assert served.end(signal.SIGTERM) == 0
    asking.join()
    assert answers == ["found"]


CLIENTS = 64


def ask_until_the_end(served: Process, started: threading.Barrier) -> tuple[int, int]:
    """How many requests one kept-alive connection sent and had answered, until it was told that it is the last one."""
    body = json.dumps(PERSON).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    sent = f"POST / HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        reply = connection.makefile("rb")
        started.wait(30)
        count = answered = 0
        closing = False
        while not closing:
            connection.sendall(sent)
            count += 1
            status = reply.readline()
            lines = {line.lower() for line in iter(reply.readline, b"\r\n") if line}
            answered += status.startswith(b"HTTP/1.1 200 ")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
            reply.read(length)
            closing = b"connection: close\r\n" in lines
        return count, answered


def test_every_request_of_kept_alive_clients_is_answered_through_a_sigterm(
    start: Start, settings: dict[str, str]
) -> None:
    # On a busy machine a client may take long to send its next request.
    patient = patched("from adapters.http.bounded_protocol import BoundedProtocol; BoundedProtocol.linger_sec = 60")
    served = start(settings, *patient, "serve")
    served.answers("/readyz", 200)
    assert served.ask(PERSON).status == 200
    started = threading.Barrier(CLIENTS + 1)
    with ThreadPoolExecutor(CLIENTS) as clients:
        counts = [clients.submit(ask_until_the_end, served, started) for _ in range(CLIENTS)]
        started.wait(30)
        assert served.end(signal.SIGTERM) == 0
        results = [count.result() for count in counts]
    assert [answered for _, answered in results] == [sent for sent, _ in results]


def asked_in_vain(served: Process, emulator: Emulator) -> None:
    """The client is told that it takes too long, while the tax service has the request."""
    served.answers("/readyz", 200)
    assert served.ask(PERSON).json()["code"] == "deadline"
    wait_for(lambda: emulator.stats().finds == 1, within=30, what="the find")


@pytest.mark.parametrize("host", HOSTS)
def test_a_find_that_is_answered_after_its_request_is_kept_before_the_process_ends(
    start: Start, settings: dict[str, str], emulator: Emulator, silent: threading.Event, host: str
) -> None:
    served = serve(start, settings, host)
    asked_in_vain(served, emulator)
    served.process.send_signal(signal.SIGTERM)
    served.listens_no_more()
    silent.set()
    assert served.end() == 0
    assert "ticket" in kept(settings)


@pytest.mark.usefixtures("silent")
def test_a_fetch_that_does_not_end_keeps_neither_its_process_from_ending_nor_the_next_from_asking(
    start: Start, settings: dict[str, str], emulator: Emulator
) -> None:
    hurried = patched("import adapters.composition.http_function as f; f.FETCH_GRACE_SEC = 0.1")
    served = start(settings, *hurried, "serve")
    asked_in_vain(served, emulator)
    assert "claim" in kept(settings)
    assert served.end(signal.SIGTERM) == 0
    assert "claim" not in kept(settings)


def test_a_site_that_wants_consent_is_asked_only_where_the_operator_gives_it(
    start: Start, settings: dict[str, str], emulator: Emulator
) -> None:
    emulator.control(consent="required", session="required")
    served = start({**settings, "CLIENT_NALOG_CONSENT": "false"})
    served.answers("/readyz", 200)
    assert served.ask(PERSON).status == 503
    assert "consent_needed" in served.errors


def test_a_hundred_lookups_of_four_clients_give_consent_once(
    start: Start, settings: dict[str, str], emulator: Emulator
) -> None:
    emulator.control(consent="required", session="required")
    served = start({**settings, "CLIENT_NALOG_CONSENT": "true"})
    served.answers("/readyz", 200)

    def ask(numbers: range) -> list[dict[str, Any]]:
        persons = ({**PERSON, "requestId": f"r-{n}", "documentNumber": f"{100_000 + n}"} for n in numbers)
        event = {"specversion": "1.0", "id": "1", "source": "/t", "type": "inn.lookup.requested"}
        body = json.dumps([{**event, "data": person} for person in persons]).encode()
        headers = {"content-type": "application/cloudevents-batch+json"}
        return list(served.pool.request("POST", served.url, body=body, headers=headers).json())

    with ThreadPoolExecutor(4) as clients:
        replies = [
            reply for batch in clients.map(ask, (range(n, n + 25) for n in range(0, 100, 25))) for reply in batch
        ]
    calls = emulator.stats().calls
    assert {reply["data"]["status"] for reply in replies} <= {"found", "not_found", "ambiguous"}
    assert (len(replies), calls["consent"], calls["find"]) == (100, 1, 100)
    assert "consent_needed" not in served.errors
