"""What the pages say: links that lead somewhere, variables that are all told of, and two READMEs that say the same; what `make` says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.shown import PAGES, ROOT
from tests.system.local.conftest import LocalRuntime

ENGLISH = (ROOT / "README.md").read_text()
RUSSIAN = (ROOT / "README.ru.md").read_text()
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
READ = re.compile(r'(?:environ(?:\.get\(|\[)|getenv\(|variables\.get\()"(\w+)"')
"""`variables` is what adapters.config.environment has read."""
# The picture of the flow has words in it; it is the one block without a language.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place), f"{target}#{anchor}"


def test_every_variable_that_is_read_is_told_of() -> None:
    sources = [path.read_text() for folder in ("adapters", "local_runtime") for path in (ROOT / folder).rglob("*.py")]
    names = {name.upper() for source in sources for name in READ.findall(source)}
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    told = "\n".join(page.read_text() for page in (*pages, ROOT / ".env.example"))
    assert "RABBITMQ_SOURCE_QUEUE_NAME" in names
    assert {name for name in names if name not in told} == set()


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


def test_the_replies_that_it_shows_are_real(runtime: LocalRuntime) -> None:
    found, rejected = (json.loads(code) for kind, code in BLOCK.findall(ENGLISH) if kind == "json")
    request = json.loads(re.findall(r"-d '(\{.*?\})'", ENGLISH)[0])
    broken = {**request, "requestId": "try-2", "firstName": "", "birthDate": "15.07.1990"}
    for shown, sent in ((found, request), (rejected, broken)):
        real = runtime.ask(sent).json()
        varying = {"elapsedTime": 0, "cached": False}
        assert {**real, **varying} == {**shown, **varying}


WITHOUT_ENSUREPIP = f"""\
#!/bin/sh
# Python as Debian has it without python3-venv: an environment gets its Python, and then no pip.
[ "$2" = venv ] || exec {sys.executable} "$@"
{sys.executable} -m venv --without-pip "$3"
exit 1
"""


def test_an_environment_without_pip_is_made_again_and_what_to_install_is_said(tmp_path: Path) -> None:
    python, environment = tmp_path / "python3", tmp_path / ".venv"
    python.write_text(WITHOUT_ENSUREPIP)
    python.chmod(0o700)
    for _ in range(2):
        command = ["make", f"PYTHON={python}", f"VENV={environment}", f"{environment}/.run"]
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert made.returncode == 2
        assert "apt-get install python3-venv" in made.stderr
        assert (environment / "bin" / "python").exists()
