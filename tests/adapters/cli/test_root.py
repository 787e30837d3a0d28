"""`inn` itself: what it says of itself, how errors look, how it completes, how lean it starts."""

import inspect
import io
import os
import re
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from adapters.cli.commands import SHORT_HELP, error_line
from adapters.cli.main import PROCESSES, Output
from adapters.rabbitmq.errors import NO_LEADER, BrokerUnavailable
from tests.adapters.cli.conftest import Inn

INN = Path(sys.executable).with_name("inn")


@pytest.mark.parametrize(
    ("words", "said"),
    [("", "Ask for one person"), ("--help", "Ask for one person"), ("--version", f"inn {version('inn-service')}\n")],
)
def test_it_says_what_it_is(inn: Inn, words: str, said: str) -> None:
    ended = inn(*words.split())
    assert (ended.status, said in ended.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["nosuch"], "inn: No such command 'nosuch'; see inn --help", id="an unknown command"),
        pytest.param(["lokup"], "inn: No such command 'lokup'. Did you mean 'lookup'?", id="a slip of the keyboard"),
        pytest.param(["--nosuch"], "inn: No such option: --nosuch; see inn --help", id="an unknown option"),
        pytest.param(["lookup", "--url"], "inn lookup: Option '--url' requires an argument", id="a value left out"),
        pytest.param(["lookup", "--timeout", "0"], "inn lookup: Invalid value for '--timeout'", id="a value too small"),
        pytest.param(["lookup"], "inn: whom to look for?", id="nobody to look for"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(inn: Inn, arguments: list[str], line: str) -> None:
    ended = inn(*arguments)
    ended.fails(2, line)
    assert ended.err.startswith(line)
    assert not ended.out


def test_a_fault_of_the_program_is_one_line_that_repeats_nothing() -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["Иванова"]
    line, status = error_line(caught.value)
    assert re.fullmatch("inn: a fault of this program, KeyError at test_root.py:[0-9]+", line)
    assert status == 1


def test_a_queue_without_a_leader_is_told_of_as_one() -> None:
    assert error_line(BrokerUnavailable(NO_LEADER))[0].startswith("inn: RabbitMQ: a queue cannot be read now")


@pytest.mark.parametrize(
    ("words", "offered"),
    [pytest.param("inn lo", "lookup", id="commands"), pytest.param("inn lookup --last", "--last-name", id="options")],
)
def test_the_shell_completes(words: str, offered: str) -> None:
    environment = {"_INN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([INN], env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert offered in done.stdout.split()


def test_the_shell_gets_its_script() -> None:
    # typer would look for a shell among the processes above this one, of which a background job has none.
    named = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [str(INN), "--show-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=named)
    assert "_INN_COMPLETE" in done.stdout


DRIVERS = "rich openpyxl aio_pika urllib3 pymongo starlette adapters.config.settings"  # --help waits for none of them
IN_VAIN = (
    "typer pydantic_settings dotenv rich cryptography.x509 aio_pika flask functions_framework openpyxl"
    " starlette.applications starlette.routing opentelemetry"
)
"""What a process that serves or consumes has no use for, or only where it is asked to."""
ONLY_PROBED = f"{IN_VAIN} starlette.requests anyio http.cookies"
PROCESS = """
import adapters.cli.main, adapters.cli.{}
from adapters.http.server import Server, listen
async def app(*_): ...
Server(app, listen("127.0.0.1", 0), 1).config.load()
"""


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        pytest.param("from adapters.cli.main import run; run(['--help'])", DRIVERS, id="inn --help"),
        pytest.param("from adapters.cli.main import run; run(['lookup', '--help'])", DRIVERS, id="inn lookup --help"),
        pytest.param("from adapters.cli.main import run; run(['batch', '--help'])", DRIVERS, id="inn batch --help"),
        pytest.param(PROCESS.format("serve"), IN_VAIN, id="inn serve"),
        pytest.param(PROCESS.format("consume"), ONLY_PROBED, id="inn consume"),
    ],
)
def test_it_starts_without_what_it_has_no_use_for(code: str, modules: str) -> None:
    code += f"\nimport sys; print([module for module in {modules.split()} if module in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize("name", PROCESSES)
def test_what_is_run_without_typer_has_nothing_for_it_to_read(name: str) -> None:
    [entry] = distribution("inn-service").entry_points.select(group="inn.commands", name=name)
    assert entry.value == f"adapters.cli.{name}:{name}"
    assert not inspect.signature(entry.load()).parameters


NO_SPACE = "inn: cannot write to standard output: No space left on device\n"
CLOSED = "inn: cannot write to standard output: it is closed\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param("lookup --help | true", 1, "", id="a reader that leaves early is no error"),
        pytest.param("lookup --help > /dev/full", 1, NO_SPACE, id="no space"),
        pytest.param("--version >&-", 1, CLOSED, id="no output"),
        pytest.param("lookup - <&-", 2, "inn: cannot read standard input: it is closed\n", id="no input"),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_trouble_with_what_is_written_and_read_is_told_as_such(
    words: str, status: int, said: str, unbuffered: str
) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{INN}' {words}; exit ${{PIPESTATUS[0]}}"],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_a_question_finds_the_terminal_behind_the_output(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        output = Output(file)
        assert (output.fileno(), output.encoding, output.errors) == (file.fileno(), file.encoding, file.errors)
    assert not Output(None).isatty()


def test_letters_that_the_output_lacks_are_told_of(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    with io.TextIOWrapper(io.BytesIO(), encoding="iso-8859-1") as latin:
        monkeypatch.setattr(sys, "stdout", latin)
        ended = inn("lookup", "--help")
    said = "inn: cannot write to standard output: iso-8859-1 lacks its letters: set PYTHONIOENCODING=utf-8\n"
    assert (ended.status, ended.out, ended.err) == (1, "", said)


@pytest.mark.parametrize("words", ["dead list", "dead replay", "dead drop", *sorted(SHORT_HELP.keys() - {"dead"})])
def test_every_command_shows_an_example(inn: Inn, words: str) -> None:
    ended = inn(*words.split(), "--help")
    assert ended.status == 0
    after = ended.out.partition("Example")[2].partition("\n\n")[0]
    assert f"inn {words}" in after


def test_the_list_of_commands_shows_the_first_sentence_of_each_help() -> None:
    found = {"dead": SHORT_HELP["dead"]}  # of a group it is the whole help
    for entry in distribution("inn-service").entry_points.select(group="inn.commands"):
        if entry.name not in found:
            text = inspect.cleandoc(entry.load().__doc__)
            found[entry.name] = text.partition("\n\n")[0].replace("\n", " ")
    assert found == SHORT_HELP
