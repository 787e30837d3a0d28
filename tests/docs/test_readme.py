"""The two READMEs say the same, and what they show works."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.system.local.conftest import LocalRuntime

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text()
RUSSIAN = (ROOT / "README.ru.md").read_text()
# The picture of the flow has words in it; it is the one block without a language.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shape(text: str) -> list[str]:
    """What a README is made of, without its words: headings by level, rows of tables, items, pictures."""
    kinds = {"#": "heading", "|": "row", "-": "item", "!": "picture"}
    plain = BLOCK.sub("", text)
    return [
        f"{kinds[line[0]]} {line.split()[0] if line[0] == '#' else line.count('|')}"
        for line in plain.splitlines()
        if line and line[0] in kinds
    ]


def test_both_languages_have_the_same_parts() -> None:
    assert shape(ENGLISH) == shape(RUSSIAN)


def test_both_languages_show_the_same_commands_and_replies() -> None:
    assert BLOCK.findall(ENGLISH) == BLOCK.findall(RUSSIAN)


def test_both_languages_name_the_same_things_and_link_to_the_same_pages() -> None:
    def named(text: str) -> set[str]:
        return set(re.findall(r"`([a-zA-Z_./:0-9*-]+)`", text)) | set(re.findall(r"\]\(([^)]+)\)", text))

    apart = {"README.md", "README.ru.md", "YYYY-MM-DD"}
    assert named(ENGLISH) - apart == named(RUSSIAN) - apart


def test_the_lookup_that_it_shows_finds_the_person(runtime: LocalRuntime) -> None:
    shown = next(code for _, code in BLOCK.findall(ENGLISH) if ".venv/bin/inn lookup" in code)
    arguments = shlex.split(shown)[1:]
    command = [Path(sys.executable).with_name("inn"), *arguments, "--json", "--url", runtime.url]
    answer = json.loads(subprocess.check_output(command))
    assert (answer["status"], answer["inn"]) == ("found", "770000000082")


def test_the_replies_that_it_shows_are_real(runtime: LocalRuntime) -> None:
    found, rejected = (json.loads(code) for kind, code in BLOCK.findall(ENGLISH) if kind == "json")
    request = json.loads(re.findall(r"-d '(\{.*?\})'", ENGLISH)[0])
    broken = {**request, "requestId": "try-2", "firstName": "", "birthDate": "15.07.1990"}
    for shown, sent in ((found, request), (rejected, broken)):
        real = runtime.ask(sent).json()
        varying = {"elapsedTime": 0, "cached": False}
        assert {**real, **varying} == {**shown, **varying}
