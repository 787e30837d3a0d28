"""`inn lookup` over HTTP: against the local runtime, and against hosts that refuse."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from tests.adapters.cli.conftest import Host, Inn, Response
from tests.system.local.conftest import LocalRuntime

PERSON = ["--last-name", "Иванова", "--first-name", "Анна", "--middle-name", "Петровна"]
REPLY = {"requestId": "r", "inn": "", "cached": False, "details": "", "elapsedTime": 0.1, "status": "not_found"}
Start = Callable[..., Host]


def reply(**more: object) -> bytes:
    return json.dumps({**REPLY, **more}).encode()


def problem(detail: str, **more: str) -> bytes:
    return json.dumps({"detail": detail, **more}).encode()


@pytest.mark.parametrize("document", ["--document='45 11 123456'", "--document-serial=4511 --document-number=123456"])
@pytest.mark.parametrize("born", ["15.07.1990", "1990-07-15"])
def test_one_person_is_found(inn: Inn, runtime: LocalRuntime, document: str, born: str) -> None:
    ended = inn("lookup", *PERSON, "--birth-date", born, *shlex.split(document), "--url", runtime.url)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("found: 770000000082\n")


@pytest.mark.parametrize(
    ("person", "status", "words"),
    [
        ("nobody", 0, "not found\n  the tax service has no INN for this person"),
        ("namesake", 0, "ambiguous"),
        ("rejected", 1, "rejected\n  documentNumber: Указан недействительный документ"),
    ],
)
def test_every_answer_has_its_words(  # noqa: PLR0917  # fixtures
    inn: Inn, runtime: LocalRuntime, tmp_path: Path, person: str, status: int, words: str
) -> None:
    people = {row["id"]: row["request"] for row in runtime.tax_service.people()}
    file = tmp_path / "person.json"
    file.write_text(json.dumps(people[person]), encoding="utf-8")
    ended = inn("lookup", str(file), "--url", runtime.url)
    assert (ended.status, ended.out.startswith(words)) == (status, True)


def test_what_the_service_defers_is_asked_again(inn: Inn, host: Start) -> None:
    busy = (503, {"retry-after": "1"}, problem("busy", code="provider_closed"))
    there = host(busy, (200, {}, reply()))
    assert inn("lookup", *PERSON, "--url", there.url, "--request-id", "r").status == 0
    assert len(there.bodies) == 2
    assert there.bodies[0] == there.bodies[1]


def test_what_is_deferred_beyond_the_time_has_failed(inn: Inn, host: Start) -> None:
    there = host((503, {"retry-after": "600"}, problem("closed for now", code="provider_closed")))
    inn("lookup", *PERSON, "--url", there.url).fails(1, "inn: provider_closed: closed for now")
    assert len(there.bodies) == 1


def test_a_service_that_never_answers_is_named(inn: Inn, host: Start) -> None:
    over = Event()
    there = host(lambda _: (200, {}, reply() if over.wait() else b""))
    ended = inn("lookup", *PERSON, "--url", there.url, "--timeout", "1")
    over.set()
    ended.fails(1, f"cannot reach the service at {there.url}: it did not answer in time")


REFUSALS: list[tuple[int, dict[str, str], bytes, str]] = [
    (401, {}, problem("x"), "wants a token: set INN_TOKEN"),
    (400, {}, problem("expected\na CloudEvent\x1b[2J"), "answers 400: expected a CloudEvent"),
    (500, {}, b"<html>", "answers 500"),
    (302, {"location": "http://a/"}, b"", "to another address"),
    (200, {}, b"hello", "is not the INN service: check --url"),
    (200, {}, b'{"status": "well"}', "is not the INN service"),
    (200, {}, b"[]", "is not the INN service"),
    (200, {}, reply(requestId="other"), "do not belong to the requests"),
]


@pytest.mark.parametrize(("reply", "said"), [(row[:3], row[3]) for row in REFUSALS], ids=[row[3] for row in REFUSALS])
def test_what_the_service_refuses_is_one_line(inn: Inn, host: Start, reply: Response, said: str) -> None:
    ended = inn("lookup", *PERSON, "--url", host(reply).url)
    ended.fails(1, said)
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("given", ["INN_TOKEN", "--token-file"])
def test_a_token_is_sent_and_never_shown(
    inn: Inn, host: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    there, options = host((401, {}, problem("no"))), []
    if given == "INN_TOKEN":
        monkeypatch.setenv("INN_TOKEN", "s3cret")
    else:
        (tmp_path / "token").write_text("s3cret\n")
        options = ["--token-file", str(tmp_path / "token")]
    ended = inn("lookup", *PERSON, "--url", there.url, *options)
    assert there.headers[0]["authorization"] == "Bearer s3cret"
    assert "does not accept this token" in ended.err
    assert "s3cret" not in ended.err + ended.out


SAID = [
    pytest.param((None, None, "INN_URL={there}\nINN_TOKEN=s3cret\n"), id="in the file"),
    pytest.param((None, "INN_URL={there}", "INN_URL=ftp://x\nINN_TOKEN=s3cret"), id="the environment goes first"),
    pytest.param((None, "INN_TOKEN=s3cret", "INN_URL={there}\nINN_TOKEN=x"), id="its token goes first, too"),
    pytest.param(("--url={there}", None, "INN_URL=ftp://x\nINN_TOKEN=s3cret"), id="an option goes before both"),
    pytest.param(("--url={there}", None, "INN_AMQP=x\nINN_TOKEN=s3cret"), id="an option says which way"),
    pytest.param((None, "INN_URL={there}", "INN_AMQP=x\nINN_TOKEN=s3cret"), id="so does the environment"),
]


@pytest.mark.parametrize("said", SAID)
def test_where_to_ask_is_looked_for_in_options_then_in_the_environment_then_in_the_file(
    inn: Inn, host: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: tuple[str | None, ...]
) -> None:
    there = host((200, {}, reply()))
    option, variable, file = (text and text.format(there=there.url) for text in said)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(file or "")
    if variable:
        name, _, value = variable.partition("=")
        monkeypatch.setenv(name, value)
    inn("lookup", *PERSON, "--request-id", "r", *([option] if option else []))
    assert [headers["authorization"] for headers in there.headers] == ["Bearer s3cret"]


WRONG_USE = {
    "--url=ftp://x": "--url must be",
    "--url=http://u:p@x/": "--url must be",
    "--url=http://x:99999": "--url must be",
    "--amqp=http://x/": "--amqp must be",
    "--amqp=amqp://x/ --url=http://x": "not both",
    "--token-file=nosuch": "nosuch holds no token that can be read",
    "--token-file=/dev/null": "holds no token",
    "nosuch.json": "cannot read nosuch.json",
    "/dev/null": "is not JSON",
    "--timeout=nan": "'--timeout': Input should be less than",
    "--timeout=1e10": "less than or equal to 86400",
    "--birth-date=31.02.1990": "inn: --birth-date must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd",
    "--document-date=1.13.2010": "--document-date must be a day",
    "--document='45 11 12'": "--document must be a series of 4 digits and a number of 6, as NN NN NNNNNN",
}


NOBODY = {
    "--url=http://127.0.0.1:1": "the connection was refused",
    "--url=http://nosuch.invalid": "its name is not known",
    "--amqp=amqp://u:s3cret@127.0.0.1:1/": "cannot reach RabbitMQ",
}


@pytest.mark.parametrize(
    ("status", "options", "said"), [*((2, *row) for row in WRONG_USE.items()), *((1, *row) for row in NOBODY.items())]
)
def test_wrong_use_and_who_is_not_there_are_told(inn: Inn, status: int, options: str, said: str) -> None:
    ended = inn("lookup", *PERSON, *shlex.split(options))
    ended.fails(status, said)
    assert not any(text in ended.err for text in ("Иванова", "1990", "45 11", "s3cret"))
