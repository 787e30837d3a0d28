"""`inn lookup` and `inn batch` over a real RabbitMQ."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.cli.batch import runner
from tests.adapters.cli.conftest import Inn, inn
from tests.adapters.cli.people import people, read, write
from tests.relay import relay
from tests.servers.rabbitmq import PASSWORD, USER, Node
from tests.system.rabbitmq.service import Service, service

__all__ = ["inn"]
PERSON = ["--last-name", "Иванова", "--first-name", "Анна", "--birth-date", "15.07.1990", "--document", "4511123456"]
INN = "770000000082"


def reply(request: dict[str, Any], status: str = "found") -> dict[str, Any]:
    number = INN if status == "found" else ""
    result = {"inn": number, "cached": False, "details": "", "elapsedTime": 0.1, "status": status}
    return {"requestId": request["requestId"], **result}


@pytest.fixture
def queue() -> str:
    return f"asked-{uuid4().hex}"


@pytest.fixture
def ready(node: Node, queue: str) -> Iterator[Service]:
    with service(node.uri, queue, reply) as running:
        yield running


def test_one_person_is_found(inn: Inn, node: Node, ready: Service, queue: str) -> None:
    ended = inn("lookup", *PERSON, "--amqp", node.uri, "--queue", queue, "--json", "--request-id", "r-1")
    assert ended.err == ""
    assert json.loads(ended.out) == reply({"requestId": "r-1"})
    assert ready.asked[0]["documentSerial"] == "4511"


@pytest.mark.parametrize(
    ("address", "options"), [("RABBITMQ_DSN", ["--amqp", "settings"]), ("INN_AMQP", [])], ids=["settings", "the file"]
)
def test_the_address_may_be_left_to_the_file_of_settings(  # noqa: PLR0917  # fixtures
    inn: Inn,
    node: Node,
    ready: Service,
    queue: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    address: str,
    options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"{address}={node.uri}\nRABBITMQ_SOURCE_QUEUE_NAME={queue}\n")
    assert inn("lookup", *PERSON, *options).out.startswith(f"found: {INN}")
    assert len(ready.asked) == 1


def test_a_failed_answer_is_status_1(inn: Inn, node: Node, queue: str) -> None:
    with service(node.uri, queue, lambda request: reply(request, "failed")):
        ended = inn("lookup", *PERSON, "--amqp", node.uri, "--queue", queue)
    assert (ended.status, ended.out.partition("\n")[0]) == (1, "failed")


@pytest.mark.parametrize(
    ("login", "path", "said"),
    [
        pytest.param("inn:wr0ng", "%2F", "RabbitMQ: the user or the password is wrong", id="a wrong password"),
        pytest.param(f"{USER}:{PASSWORD}", "nosuch", "the virtual host", id="a virtual host that is not there"),
        pytest.param(f"{USER}:{PASSWORD}", "%2F", "RabbitMQ has no queue nosuch", id="a queue that is not there"),
    ],
)
def test_what_rabbitmq_refuses_is_one_line(inn: Inn, node: Node, login: str, path: str, said: str) -> None:
    ended = inn("lookup", *PERSON, "--amqp", f"amqp://{login}@127.0.0.1:{node.port}/{path}", "--queue", "nosuch")
    assert ended.status == 1
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not {"wr0ng", PASSWORD} & set(ended.err.split())


def test_nobody_who_answers_is_told(inn: Inn, node: Node, queue: str) -> None:
    with service(node.uri, queue, lambda _: None):
        ended = inn("lookup", *PERSON, "--amqp", node.uri, "--queue", queue, "--timeout", "1")
    assert ended.status == 1
    assert f"cannot reach the service behind the queue {queue}: is `inn consume` running?" in ended.err


def test_many_are_asked_for_and_written_in_order(
    inn: Inn, node: Node, ready: Service, queue: str, tmp_path: Path
) -> None:
    rows = people(150, 60)
    source, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    ended = inn("batch", str(source), "-o", str(out), "--amqp", node.uri, "--queue", queue, "--window", "20")
    assert ended.err == ""
    assert read(out)[1:] == [[*row, INN, "found", ""] for row in rows]
    assert len(ready.asked) == len(rows)


def test_a_connection_that_breaks_is_made_anew(
    inn: Inn, node: Node, queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was waiting for a reply is asked for again: the service has the answer in its cache."""
    monkeypatch.setattr(runner, "FIRST_RETRY_SEC", 0.05)
    rows = people(60, 61)
    source, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"

    cuts = [1]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["documentNumber"] == rows[30][-1] and cuts:
            cuts.pop()
            wire.cut()
        return reply(request)

    with relay("127.0.0.1", node.port) as wire, service(node.uri, queue, answer) as served:
        uri = node.uri.replace(f":{node.port}/", f":{wire.port}/")
        ended = inn("batch", str(source), "-o", str(out), "--amqp", uri, "--queue", queue, "--window", "10")
    assert ended.err == ""
    assert [row[-2] for row in read(out)[1:]] == ["found"] * len(rows)
    assert len(rows) < len(served.asked) <= len(rows) + 10


def test_a_reply_that_never_comes_fails_its_row_and_the_next_run_asks_again(
    inn: Inn, node: Node, queue: str, tmp_path: Path
) -> None:
    rows = people(5, 64)
    source, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    call = ["batch", str(source), "-o", str(out), "--amqp", node.uri, "--queue", queue]
    lost = rows[1][-1]
    with service(node.uri, queue, lambda request: None if request["documentNumber"] == lost else reply(request)):
        ended = inn(*call, "--reply-timeout", "2")
    assert (ended.status, ended.err) == (1, "")
    assert "5 rows: 4 found, 1 failed" in ended.out
    assert read(out)[2][-2:] == ["failed", "no reply came over RabbitMQ in 2 s; the next run asks again"]
    with service(node.uri, queue, reply) as served:
        assert inn(*call).status == 0
    assert [request["documentNumber"] for request in served.asked] == [lost]
    assert [row[-2] for row in read(out)[1:]] == ["found"] * 5


def test_failures_of_the_queue_are_final(inn: Inn, node: Node, queue: str, tmp_path: Path) -> None:
    """The service has made its own retries before it says `failed`."""
    source, out = write(tmp_path / "in.csv", people(3, 62)), tmp_path / "out.csv"
    with service(node.uri, queue, lambda request: reply(request, "failed")) as served:
        ended = inn("batch", str(source), "-o", str(out), "--amqp", node.uri, "--queue", queue)
    assert ended.status == 1
    assert "3 failed" in ended.out
    assert len(served.asked) == 3
