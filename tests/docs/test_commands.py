"""Every command that the documents show: what can run here is tried, and what can't is named with why."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = {
    "docker": "needs a container engine; compose is held against its schema in tests/deploy",
    "kubectl": "needs a cluster; every overlay is rendered and checked in tests/deploy",
    "aws": "needs an account; the template is checked in tests/deploy",
    "curl": "run by tests/system/local and tests/docs/test_readme.py",
    "cp": "the shell's own",
    "cat": "the shell's own",
    "functions-framework": "run by tests/system/serve",
}


def commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            whole = re.sub(r"<<'(\w+)'\n.*?^\1$", "", block, flags=re.DOTALL | re.MULTILINE).replace("\\\n", " ")
            for line in filter(None, map(str.strip, whole.splitlines())):
                for command in re.split(r" && ", line):
                    yield page.name, shlex.split(command, comments=True)


COMMANDS = [pytest.param(words, id=f"{page}: {' '.join(words)[:60]}") for page, words in commands()]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_in_the_documents_exists_and_takes_what_it_is_given(words: list[str]) -> None:
    program = Path(words[0]).name
    if program == "make":
        subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True, capture_output=True)
    elif program == "inn":
        options = [word for word in words if word.startswith("--")]
        shown = help_of(next(word for word in words[1:] if re.fullmatch(r"[a-z]+", word)))
        assert [option for option in options if option not in shown] == []
    else:
        assert program in ELSEWHERE, words


def test_the_documents_show_commands() -> None:
    assert {Path(words.values[0][0]).name for words in COMMANDS} >= {"make", "inn", "curl", "docker"}  # type: ignore[index]  # a parameter's value


def help_of(command: str) -> str:
    inn = Path(sys.executable).with_name("inn")
    return subprocess.run([inn, command, "--help"], check=True, capture_output=True, text=True).stdout
