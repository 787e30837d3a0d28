"""What the documents and the helps show: blocks of commands with what comes out of them, and commands within sentences."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from inspect import cleandoc
from pathlib import Path

from adapters.cli.commands import EPILOG

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DEPLOYING = ROOT / "docs" / "deploying.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HERE = re.compile(r"<<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)
_BEFORE = re.compile(r"^(?:sudo |[A-Z_]+=\S+ |\.venv/bin/)*")
PROGRAMS = (
    *("inn", "make", "docker", "kubectl", "helm", "aws", "yc", "mongodump", "mongorestore", "openssl", "python"),
    *("apt-get", "functions-framework"),
)
"""What a page calls in its sentences, and a reader may paste."""


@dataclass(frozen=True)
class Block:
    """Commands as they stand in a page. `shown`: what comes out, None where the page does not say."""

    script: str
    shown: str | None

    def commands(self) -> Iterator[list[str]]:
        """The words of each command."""
        for line in filter(None, map(str.strip, _HERE.sub("", self.script).replace("\\\n", " ").splitlines())):
            for command in re.split(r" (?:&&|\|\|) ", line):
                yield shlex.split(command, comments=True)


def blocks(page: Path) -> list[Block]:
    return [Block(script, shown or None) for script, shown in _BLOCK.findall(page.read_text())]


def in_sentences(page: Path) -> list[str]:
    """Commands between words: whatever stands as code and begins with a program's name."""
    spans = re.findall(r"`([^`\s][^`]*)`", _FENCED.sub("", page.read_text()))
    return [command for command in (" ".join(span.split()) for span in spans) if " " in bare(command)]


def values_of_the_page() -> list[str]:
    """The files of values for the chart that a page tells the reader to write."""
    return re.findall(r"^```yaml\n(# values.*?)^```", DEPLOYING.read_text(), re.MULTILINE | re.DOTALL)


def bare(command: str) -> str:
    """The command without its environment, its folder and sudo; "" where no program of ours to try is called."""
    called = _BEFORE.sub("", command)
    return called if called.split()[0] in PROGRAMS else ""


def helps() -> dict[str, str]:
    """Every command that there is, by its words, and what its help says."""
    found = {"inn": EPILOG}
    for entry in distribution("inn-service").entry_points.select(group="inn.commands"):
        target = entry.load()
        found[f"inn {entry.name}"] = cleandoc(target.__doc__)
        for command in getattr(target, "registered_commands", ()):
            found[f"inn {entry.name} {command.name or command.callback.__name__}"] = cleandoc(command.callback.__doc__)
    return found


def examples() -> list[str]:
    """Every example of every help."""
    shown = re.findall(r"Examples?:\s(.*?)(?:\n\n|\Z)", "\n\n".join(helps().values()), re.DOTALL)
    return [line.strip() for lines in shown for line in lines.replace("\\\n", "").splitlines()]
