"""The `inn` command. A sub-command is a module of its own, imported only when it is called.

Sub-commands are the entry points of the group `inn.commands` (pyproject.toml): each is a function
with typer's annotations, or a `typer.Typer` with sub-commands of its own. So that `local`, which
stands above the adapters, is one of them as well.
"""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from adapters.cli.failure import DONE, WRONG_USE, Failure
from adapters.settings import WrongSettings


class _Commands(TyperGroup):
    """Finds a sub-command by its name, and nothing before it is asked for."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return sorted(_entries())

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        entry = _entries().get(cmd_name)
        return None if entry is None else _command(cmd_name, entry.load())


app = typer.Typer(
    cls=_Commands,
    name="inn",
    help="Finds a Russian person's INN from passport data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Find a Russian person's INN from passport data."""


def main() -> None:
    """Run the command line. Errors are one clear line on stderr, no traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 an answer or check failed, 2 wrong use or settings."""
    try:
        app(arguments, prog_name="inn")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else WRONG_USE
    except WrongSettings as exc:
        sys.stderr.write(f"inn: {exc}\n")
        return WRONG_USE
    except Failure as exc:
        sys.stderr.write(f"inn: {exc}\n")
        return exc.status
    return DONE


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="inn.commands")}


def _command(name: str, target: Callable[..., object] | typer.Typer) -> Any:
    if isinstance(target, typer.Typer):
        return typer.main.get_command(target)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(target)
    return typer.main.get_command(alone)
