"""The commands of `inn`, through typer. Each is a module of its own, imported only when it is called.

They are the entry points of the group `inn.commands` (pyproject.toml): each is a function with
typer's annotations, or a `typer.Typer` with sub-commands of its own. So that `local`, which stands
above the adapters, is one of them as well.
"""

from collections.abc import Sequence
from importlib.metadata import EntryPoints, distribution
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from adapters.cli.deferred import Deferred

DISTRIBUTION = "inn-service"


class _Commands(TyperGroup):
    """Every sub-command there is, none of them imported before it is run."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update((entry.name, Deferred(entry)) for entry in sorted(_entries()))


app = typer.Typer(
    cls=_Commands,
    name="inn",
    help="Finds a Russian person's INN from passport data.",
    epilog="Example: inn lookup --help",
    # Plain text: it starts faster than boxes, and reads well in a log, in a narrow window and aloud.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # so typer calls it
    if wanted:
        typer.echo(f"inn {distribution(DISTRIBUTION).version}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Find a Russian person's INN from passport data."""


def call(arguments: Sequence[str]) -> object:
    """Run one command; returns what it does. Raises typer's errors as well as its own."""
    command = typer.main.get_command(app)
    # Without its stand-alone mode typer leaves errors, and how they are told, to us.
    return command.main(list(arguments) or ["--help"], prog_name="inn", standalone_mode=False)


def path(arguments: Sequence[str]) -> str:
    """The command that was called, as its help names it."""
    return f"inn {arguments[0]}" if arguments and arguments[0] in _entries().names else "inn"


def _entries() -> EntryPoints:
    # Of this distribution alone: to read what all installed ones offer takes a third of a second.
    return distribution(DISTRIBUTION).entry_points.select(group="inn.commands")
