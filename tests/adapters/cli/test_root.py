"""`inn` itself: what it says of itself, how errors look, how it completes, how lean it starts."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from adapters.cli import faults
from adapters.cli.failure import Failure
from tests.adapters.cli.conftest import Inn

INN = Path(sys.executable).with_name("inn")


def test_it_tells_its_version(inn: Inn) -> None:
    assert inn("--version").out == f"inn {version('inn-service')}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["without a command", "asked for help"])
def test_it_lists_its_commands(inn: Inn, arguments: tuple[str, ...]) -> None:
    ended = inn(*arguments)
    assert ended.status == 0
    assert "Ask for one person" in ended.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["lok"], "inn: No such command 'lok'; see inn --help", id="an unknown command"),
        pytest.param(["--nosuch"], "inn: No such option: --nosuch; see inn --help", id="an unknown option"),
        pytest.param(["lookup", "--url"], "inn lookup: Option '--url' requires an argument", id="a value left out"),
        pytest.param(["lookup", "--timeout", "0"], "inn lookup: Invalid value for '--timeout'", id="a value too small"),
        pytest.param(["lookup"], "inn: whom to look for?", id="nobody to look for"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(inn: Inn, arguments: list[str], line: str) -> None:
    ended = inn(*arguments)
    assert ended.status == 2
    assert ended.err.startswith(line)
    assert ended.err.count("\n") == 1
    assert not ended.out


def test_a_fault_of_the_program_is_one_line_that_repeats_nothing() -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["Иванова"]
    fault = faults.told(caught.value)
    assert fault.text.startswith("inn: a fault of this program, KeyError at test_root.py:")
    assert "Иванова" not in fault.text
    assert fault.status == 1


def test_a_failure_has_its_own_status() -> None:
    assert faults.told(Failure("no", 2)).status == 2


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param("inn lo", "lookup", id="commands"),
        pytest.param("inn lookup --last", "--last-name", id="options"),
    ],
)
def test_the_shell_completes(words: str, offered: str) -> None:
    environment = {"_INN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([INN], env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert offered in done.stdout.split()


def test_the_shell_gets_its_script() -> None:
    done = subprocess.run([INN, "--show-completion", "bash"], capture_output=True, text=True, check=True)
    assert "_INN_COMPLETE" in done.stdout


def test_starting_it_imports_no_driver() -> None:
    """A command that is asked for its help must not wait for the libraries of all others."""
    heavy = ["rich", "openpyxl", "aio_pika", "urllib3", "pymongo", "starlette", "pydantic_settings", "structlog"]
    code = f"import sys; from adapters.cli import run; run(['lookup', '--help']); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{INN}' lookup --help | true"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
