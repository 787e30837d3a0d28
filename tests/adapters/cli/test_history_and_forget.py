"""`inn history` and `inn forget` on a real MongoDB."""

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from function.history_and_erasure import HistoryQuery
from function.outcomes import Status
from tests.adapters.cli.conftest import Inn
from tests.adapters.cli.people import INN as COMMAND
from tests.adapters.mongodb.conftest import KEY, a_prepared_place
from tests.contracts.stores import StoreHarness, request
from tests.doubles import INN, PERSON
from tests.servers.mongod import FAULTS_ON_DEMAND, Mongo, standalone
from tests.servers.process import free_port

WHO = {**PERSON, "documentNumber": "100001"}
OPTIONS = ("--last-name", "ИВАНОВ", "--first-name", "пётр", "--middle-name", "Сергеевич")
BORN = ("--birth-date", "12.03.1985", "--document", "45 09 100001")


AGAIN = "Иванов Петр 4509 100001\x1b[2J"  # an id that says who it is about, and clears the screen


@pytest.fixture
def stored(mongo: Mongo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StoreHarness]:
    """What the commands find."""
    with stored_in(mongo, monkeypatch, tmp_path) as stored:
        yield stored


@contextmanager
def stored_in(mongo: Mongo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StoreHarness]:
    """Two lookups of one person, one of another."""
    with a_prepared_place(mongo) as (place, store):
        for name, value in environment(mongo.uri, place.config.database).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        stored = place.harness(store)
        stored.save(request(1, requestId="first"), stored.answer(Status.NOT_FOUND, age=180, lasts=60))
        stored.save(request(2, requestId="other"), stored.answer(age=120))
        stored.save(request(1, requestId=AGAIN), stored.answer(age=60))
        yield stored


def environment(uri: str, database: str, key: str = KEY) -> dict[str, str]:
    return {"MONGO_DSN": uri, "MONGO_NAME": database, "APP_SECRET_KEYS": key}


def rows_left(stored: StoreHarness) -> list[str]:
    return [row.request_id for row in stored.store.history(HistoryQuery())]


def test_history_shows_the_last_lookups_and_nobody(inn: Inn, stored: StoreHarness) -> None:
    ended = inn("history")
    assert (ended.status, ended.err) == (0, "")
    heading, *lines = ended.out.splitlines()
    assert heading.split() == ["TIME", "STATUS", "PROVIDER", "REQUEST"]
    assert [line.split()[-1] for line in lines] == ["withheld", "other", "first"]
    assert not any(text in ended.out for text in ("Иванов", "1985", "100001", INN, "\x1b"))


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        pytest.param(["--limit", "1"], ["withheld"], id="one row"),
        pytest.param(["--limit", "1", "--skip", "1"], ["other"], id="the second page"),
        pytest.param(["--sort", "time"], ["first", "other", "withheld"], id="the other way round"),
        pytest.param(["--status", "not_found"], ["first"], id="one status"),
        pytest.param(["--since", "2000-01-01"], ["withheld", "other", "first"], id="since long ago"),
        pytest.param(["--until", "01.01.2000"], [], id="until long ago"),
    ],
)
def test_history_is_paged_sorted_and_filtered(
    inn: Inn, stored: StoreHarness, options: list[str], ids: list[str]
) -> None:
    assert [row["requestId"] for row in json.loads(inn("history", "--json", *options).out)] == ids


def test_history_takes_times_of_this_zone_or_another(inn: Inn, stored: StoreHarness) -> None:
    between = stored.started - timedelta(seconds=90)
    for since in (between.isoformat(), between.astimezone().replace(tzinfo=None).isoformat()):
        ended = inn("history", "--json", "--since", since)
        assert [row["requestId"] for row in json.loads(ended.out)] == ["withheld"]


def test_history_has_no_rows_to_show(inn: Inn, stored: StoreHarness) -> None:
    assert inn("history", "--skip", "3").out == "no rows\n"
    assert inn("history", "--skip", "3", "--json").out == "[]\n"


def test_history_reveals_persons_when_told_to(inn: Inn, stored: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = inn("history", "--reveal").out.splitlines()
    assert lines[1].endswith("Иванов Петр 4509 100001 [2J")
    assert lines[2] == f"    Иванов, Пётр, Сергеевич, 1985-03-12, 21, 4509, 100001, INN {INN}"
    assert lines[6].endswith("100001, INN none")
    row = json.loads(inn("history", "--reveal", "--json", "--limit", "1").out)[0]
    assert (row["requestId"], row["inn"]) == (AGAIN, INN)
    assert row["person"]["lastName"] == "Иванов"
    assert datetime.fromisoformat(row["time"]) == stored.started - timedelta(seconds=60)

    monkeypatch.setenv("APP_SECRET_KEYS", "z" * 32)
    assert (
        inn("history", "--reveal").out.splitlines()[2] == "    encrypted under a key that is not among APP_SECRET_KEYS"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sort", "person"], "is not one of 'time', '-time', 'status'"),
        (["--status", "failed"], "is not one of 'found', 'not_found', 'ambiguous'"),
        (["--since", "yesterday"], "must be a day or a time"),
        (["--until", "9999-12-31T23:59:59-12:00"], "must be a day or a time"),
        (["--limit", "0"], "'--limit'"),
        (["--skip", "-1"], "'--skip'"),
        (["--skip", "99999999999999999999"], "'--skip'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_history_says_what_it_takes(inn: Inn, options: list[str], said: str) -> None:
    inn("history", *options).fails(2, said)


def test_forget_erases_one_person_by_options_in_any_spelling(inn: Inn, stored: StoreHarness) -> None:
    ended = inn("forget", *OPTIONS, *BORN, "--yes")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("erased: answers 1, rows of history 2; record ")
    assert rows_left(stored) == ["other"]
    assert inn("forget", *OPTIONS, *BORN, "--yes").out.startswith("erased: answers 0, rows of history 0; record ")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends: the keyboard's and screen's, and the command's."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


AT_A_TERMINAL = [
    pytest.param(
        [], ["Иванов", "Пётр", "Сергеевич", "12.03.1985", "", "4509 100001", "y"], (0, 1, 2), 1, id="who it is"
    ),
    pytest.param([*OPTIONS, *BORN], ["n"], (1, 0, 0), 3, id="that it is not meant"),
    pytest.param([*OPTIONS, *BORN], ["\x04"], (1, 0, 0), 3, id="nothing"),
    pytest.param(["--old-keys"], ["n"], (1, 0, 0), 3, id="that old keys are not meant"),
    pytest.param(["--old-keys"], ["y"], (0, 2, 3), 0, id="that old keys are meant"),
    pytest.param(["-"], [json.dumps(WHO), "\x04"], (2, 0, 0), 3, id="who it is as JSON, which leaves no room to ask"),
]


@pytest.mark.parametrize(("arguments", "typed", "ends", "left"), AT_A_TERMINAL)
def test_forget_does_what_is_typed_into_it_at_a_terminal(  # noqa: PLR0917  # fixtures
    stored: StoreHarness,
    terminal: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    typed: list[str],
    ends: tuple[int, int, int],
    left: int,
) -> None:
    if arguments == ["--old-keys"]:
        under_a_new_key(monkeypatch)
    os.write(terminal[0], "".join(f"{line}\n" for line in typed).encode())
    command = [str(COMMAND), "forget", *arguments]
    done = subprocess.run(command, stdin=terminal[1], capture_output=True, text=True, timeout=60, check=False)
    status, answers, history = ends
    said = f"erased: answers {answers}, rows of history {history}; record " if status == 0 else ""
    assert (done.returncode, len(rows_left(stored))) == (status, left)
    # Beside a question, which goes to stderr, a terminal's line editor leaves a space.
    assert done.stdout.strip()[: len(said) or None] == said
    assert done.stderr.endswith("inn: not done\n") == (status == 1)


def test_forget_that_is_broken_off_at_a_question_ends_as_what_is_broken_off(
    stored: StoreHarness, terminal: tuple[int, int]
) -> None:
    screen, end = terminal
    with subprocess.Popen([COMMAND, "forget", *OPTIONS, *BORN], stdin=end, stdout=end, stderr=end) as asking:
        seen_at(screen, "[y/N]:")
        assert interrupted(asking) == 130
    seen_at(screen, "inn: not done\r\n")
    assert len(rows_left(stored)) == 3


def interrupted(asking: "subprocess.Popen[bytes]") -> int:
    """Press Ctrl-C until it ends. Between the question and the wait for its answer Python notes it, and waits on."""
    for _ in range(20):
        asking.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return asking.wait(3)
    asking.kill()
    raise AssertionError("it does not heed Ctrl-C")


def seen_at(terminal: int, text: str) -> None:
    """Read what a terminal shows until this comes."""
    shown = b""
    while text.encode() not in shown:
        assert select.select([terminal], [], [], 60)[0], shown.decode()
        shown += os.read(terminal, 1)


def test_forget_erases_nothing_where_nobody_can_be_asked(
    inn: Inn, stored: StoreHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "person.json"
    file.write_text(json.dumps(WHO), encoding="utf-8")
    for person in ((*OPTIONS, *BORN), (str(file),), ("-",)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
        ended = inn("forget", *person)
        ended.fails(
            2, "inn: nobody can be asked here whether to erase all that is kept of this person, and nothing was"
        )
        assert not ended.out
    monkeypatch.setattr(sys, "stdin", None)
    assert inn("forget", *OPTIONS, *BORN).status == 2
    assert len(rows_left(stored)) == 3


def under_a_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that all is kept under has leaked, and another stands before it."""
    monkeypatch.setenv("APP_SECRET_KEYS", f"{'z' * 32},{KEY}")


def test_forget_says_what_it_cannot_tell_to_be_of_the_person(
    inn: Inn, stored: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_SECRET_KEYS", "z" * 32)
    ended = inn("forget", *OPTIONS, *BORN, "--yes")
    assert ended.status == 1
    assert ended.out.startswith("erased: answers 0, rows of history 0; record ")
    assert ended.err.startswith(
        "inn: 2 answers and 3 rows of history are kept under keys that are not in APP_SECRET_KEYS, and may be of this person: "
    )
    ended = inn("forget", *OPTIONS, *BORN, "--yes", "--json")
    assert (ended.status, json.loads(ended.out)["unknownKeys"]) == (1, {"answers": 2, "history": 3})

    under_a_new_key(monkeypatch)
    ended = inn("forget", *OPTIONS, *BORN, "--yes", "--json")
    assert (ended.status, ended.err) == (0, "")
    record = json.loads(ended.out)
    assert (record["answers"], record["history"]) == (1, 2)
    assert record["unknownKeys"] == {"answers": 0, "history": 0}


def test_forget_erases_also_where_what_it_cannot_read_is_too_much_to_count(
    inn: Inn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    too_long = {"failCommands": ["aggregate"], "errorCode": 50}
    with (
        standalone(parameters=(FAULTS_ON_DEMAND,)) as mongo,
        stored_in(mongo, monkeypatch, tmp_path) as stored,
        MongoClient[dict[str, Any]](mongo.uri) as client,
    ):
        client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=too_long)
        ended = inn("forget", *OPTIONS, *BORN, "--yes")
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith("inn: erased: answers 1, rows of history 2; record ")
        assert ended.err.endswith("; what is kept under keys that are not in APP_SECRET_KEYS was not counted\n")
        assert rows_left(stored) == ["other"]


def test_forget_says_what_it_did_where_it_cannot_write_it(
    inn: Inn, stored: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        ended = inn("forget", *OPTIONS, *BORN, "--yes", "--json")
    said = "erased: answers 1, rows of history 2; record "
    ended.fails(1, f"inn: cannot write to standard output: No space left on device; {said}")


def test_forget_erases_what_is_under_old_keys_and_nothing_else(
    inn: Inn, stored: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inn("forget", "--old-keys", "--yes").out.startswith("erased: answers 0, rows of history 0; record ")
    under_a_new_key(monkeypatch)
    refused = inn("forget", "--old-keys")
    much = "2 answers and 3 rows of history that are kept under other keys than the newest"
    refused.fails(2, f"nobody can be asked here whether to erase {much}, and nothing was erased: say --yes")
    assert len(rows_left(stored)) == 3
    record = json.loads(inn("forget", "--old-keys", "--yes", "--json").out)
    assert (record["answers"], record["history"]) == (2, 3)
    assert rows_left(stored) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "whom to forget?"),
        (["--last-name", "Smith"], "lastName: has Latin letters"),
        (["--birth-date", "31.02.1990"], "--birth-date must be a day of the calendar"),
        (["no-such-file.json"], "cannot read no-such-file.json"),
        (["--old-keys", "--yes", "--last-name", "Иванов"], "name no person beside it"),
        (["--old-keys", "--yes", "-"], "name no person beside it"),
    ],
    ids=["nobody", "no person", "no day", "no file", "old keys and a person", "old keys and a file"],
)
def test_forget_says_what_it_takes(
    inn: Inn, stored: StoreHarness, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    ended = inn("forget", *options)
    ended.fails(2, said)
    assert "Smith" not in ended.err
    assert len(rows_left(stored)) == 3


def test_settings_that_are_missing_are_named_together(
    inn: Inn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("APP_SECRET_KEYS", "MONGO_DSN", "MONGO_HOST", "MONGO_NAME", "MONGO_USER", "MONGO_PASS"):
        monkeypatch.delenv(name, raising=False)
    ended = inn("history")
    assert ended.status == 2
    assert all(name in ended.err for name in ("APP_SECRET_KEYS", "MONGO_HOST", "MONGO_NAME"))


@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ((f"mongodb://127.0.0.1:{free_port()}", "inn"), 1, "MongoDB cannot be reached now"),
        (("mongodb://user:s3cret/w@host/", "inn"), 2, "the driver cannot use the address of MongoDB"),
        (("mongodb://127.0.0.1", "a b/c"), 2, "MONGO_NAME is not a name that a database can have"),
    ],
    ids=["no server", "no address", "no name"],
)
def test_a_store_that_is_not_there_is_one_line(
    inn: Inn, monkeypatch: pytest.MonkeyPatch, place: tuple[str, str], status: int, said: str
) -> None:
    monkeypatch.chdir("/")  # where no .env is
    monkeypatch.setenv("MONGO_TIMEOUT_SERVER_SELECT", "50")
    for name, value in environment(*place).items():
        monkeypatch.setenv(name, value)
    ended = inn("history")
    ended.fails(status, f"inn: {said}")
    assert "s3cret" not in ended.err
