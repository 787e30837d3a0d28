"""`inn lookup` over HTTP: against the local runtime, and against hosts that refuse."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.cli.conftest import Host, Inn
from tests.system.local.conftest import LocalRuntime

PERSON = ["--last-name", "Иванова", "--first-name", "Анна", "--middle-name", "Петровна"]
REPLY = {"requestId": "r", "inn": "", "cached": False, "details": "", "elapsedTime": 0.1, "status": "not_found"}
Start = Callable[..., Host]


def reply(**more: object) -> bytes:
    return json.dumps({**REPLY, **more}).encode()


def problem(detail: str, **more: str) -> bytes:
    return json.dumps({"detail": detail, **more}).encode()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(["--document", "45 11 123456"], id="series and number in one"),
        pytest.param(["--document-serial", "4511", "--document-number", "123456"], id="series and number apart"),
    ],
)
@pytest.mark.parametrize("born", ["15.07.1990", "1990-07-15"])
def test_one_person_is_found(inn: Inn, runtime: LocalRuntime, document: list[str], born: str) -> None:
    ended = inn("lookup", *PERSON, "--birth-date", born, *document, "--url", runtime.url)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("found: 770000000082\n")


def test_json_is_for_machines(inn: Inn, runtime: LocalRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _stdin({**runtime.tax_service.people()[0]["request"], "requestId": "r-7"}))
    ended = inn("lookup", "-", "--json", "--url", runtime.url)
    answer = json.loads(ended.out)
    assert {name: answer[name] for name in ("requestId", "inn", "status")} == {
        "requestId": "r-7",
        "inn": "770000000082",
        "status": "found",
    }


@pytest.mark.parametrize(
    ("person", "answer"),
    [
        pytest.param("nobody", (0, "not found\n  the tax service has no INN for this person"), id="nobody"),
        pytest.param("namesake", (0, "ambiguous"), id="a namesake"),
        pytest.param("rejected", (1, "rejected\n  documentNumber: Указан недействительный документ"), id="rejected"),
    ],
)
def test_every_answer_has_its_words(
    inn: Inn, runtime: LocalRuntime, tmp_path: Path, person: str, answer: tuple[int, str]
) -> None:
    people = {row["id"]: row["request"] for row in runtime.tax_service.people()}
    file = tmp_path / "person.json"
    file.write_text(json.dumps(people[person]), encoding="utf-8")
    ended = inn("lookup", str(file), "--url", runtime.url)
    assert (ended.status, ended.out.startswith(answer[1])) == (answer[0], True)


def test_a_wrong_request_names_every_field(inn: Inn, runtime: LocalRuntime) -> None:
    ended = inn("lookup", "--last-name", "Smith", "--url", runtime.url)
    assert ended.status == 1
    for field in ("lastName", "firstName", "birthDate", "documentSerial", "documentNumber"):
        assert f"  {field}: " in ended.out


def test_what_the_service_defers_is_asked_again(inn: Inn, host: Start) -> None:
    busy = (503, {"retry-after": "1"}, problem("busy", code="provider_closed"))
    there = host(busy, (200, {}, reply()))
    assert inn("lookup", *PERSON, "--url", there.url, "--request-id", "r").status == 0
    assert len(there.bodies) == 2
    assert there.bodies[0] == there.bodies[1]


def test_what_is_deferred_beyond_the_time_has_failed(inn: Inn, host: Start) -> None:
    there = host((503, {"retry-after": "600"}, problem("closed for now", code="provider_closed")))
    ended = inn("lookup", *PERSON, "--url", there.url, "--request-id", "r-1")
    assert ended.status == 1
    assert ended.out.startswith("failed\n  provider_closed: closed for now\n")
    assert len(there.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param((401, {}, problem("x")), "wants a token: set INN_TOKEN", id="a token is wanted"),
        pytest.param(
            (400, {}, problem("expected\na CloudEvent\x1b[2J")), "answers 400: expected a CloudEvent", id="400"
        ),
        pytest.param((500, {}, b"<html>"), "answers 500", id="500"),
        pytest.param((302, {"location": "http://a/"}, b""), "to another address", id="a redirect"),
        pytest.param((200, {}, b"hello"), "is not the INN service: check --url", id="not JSON"),
        pytest.param((200, {}, b'{"status": "well"}'), "is not the INN service", id="another reply"),
        pytest.param((200, {}, b"[]"), "is not the INN service", id="no object"),
        pytest.param((200, {}, reply(requestId="other")), "do not belong to the requests", id="another's reply"),
    ],
)
def test_what_the_service_refuses_is_one_line(
    inn: Inn, host: Start, answer: tuple[int, dict[str, str], bytes], said: str
) -> None:
    ended = inn("lookup", *PERSON, "--url", host(answer).url)
    ended.fails(1, said)
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("given", ["INN_TOKEN", "--token-file"])
def test_a_token_is_sent_and_never_shown(
    inn: Inn, host: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    there = host((401, {}, problem("no")))
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    if given == "INN_TOKEN":
        monkeypatch.setenv("INN_TOKEN", "s3cret")
    options = ["--token-file", str(file)] if given == "--token-file" else []
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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--url", "ftp://x"], "--url must be", id="another scheme"),
        pytest.param(["--url", "http://u:p@x/"], "--url must be", id="a password in the address"),
        pytest.param(["--url", "http://x:99999"], "--url must be", id="a port that is none"),
        pytest.param(["--amqp", "http://x/"], "--amqp must be", id="no address of a broker"),
        pytest.param(["--amqp", "amqp://x/", "--url", "http://x"], "not both", id="two ways at once"),
        pytest.param(
            ["--token-file", "nosuch"], "cannot read the token from nosuch", id="a token file that is not there"
        ),
        pytest.param(["--token-file", "/dev/null"], "holds no token", id="an empty token file"),
        pytest.param(["nosuch.json"], "cannot read nosuch.json", id="a request that is not there"),
        pytest.param(["/dev/null"], "is not JSON", id="a request that is no JSON"),
        pytest.param(["--timeout", "inf"], "'--timeout': Input should be less than", id="a time without end"),
        pytest.param(["--timeout", "nan"], "'--timeout': Input should be less than", id="a time that is no number"),
        pytest.param(["--timeout", "1e10"], "less than or equal to 86400", id="a time of centuries"),
        pytest.param(["--birth-date", "31.02.1990"], "inn: --birth-date must be a day of the calendar", id="no day"),
        pytest.param(["--birth-date", "31.02.1990 г."], "--birth-date must be a day", id="no day, marked as a year's"),
        pytest.param(["--birth-date", "1990-02-31"], "--birth-date must be a day", id="no day, the other way"),
        pytest.param(["--document-date", "1.13.2010"], "--document-date must be a day", id="no day of issue"),
        pytest.param(
            ["--birth-date", "02/15/1990"],
            "--birth-date must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd",
            id="a date in no form that is known",
        ),
        pytest.param(
            ["--document", "45 11 12"],
            "--document must be a series of 4 digits and a number of 6, as NN NN NNNNNN",
            id="a passport that lacks digits",
        ),
        pytest.param(["--document", "45 11 12345"], "--document must be a series", id="a number that lacks a digit"),
        pytest.param(["--document", "4511 23456"], "--document must be a series", id="so does this one"),
        pytest.param(["--document", "405001234"], "--document must be a series", id="nine digits"),
    ],
)
def test_wrong_use_is_told(inn: Inn, options: list[str], said: str) -> None:
    ended = inn("lookup", *PERSON, *options)
    ended.fails(2, said)
    assert not any(text in ended.err for text in ("Иванова", "1990", "45 11"))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        pytest.param(["--url", "http://127.0.0.1:1"], "the connection was refused", id="http"),
        pytest.param(["--url", "http://nosuch.invalid"], "its name is not known", id="no such host"),
        pytest.param(["--amqp", "amqp://u:s3cret@127.0.0.1:1/"], "cannot reach RabbitMQ", id="amqp"),
    ],
)
def test_who_is_not_there_is_named(inn: Inn, place: list[str], said: str) -> None:
    ended = inn("lookup", *PERSON, *place)
    ended.fails(1, said)
    assert "s3cret" not in ended.err


def _stdin(value: dict[str, Any]) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(json.dumps(value).encode()))
