"""The `inn` command. A sub-command is a module of its own, imported only when it is called.

Sub-commands are the entry points of the group `inn.commands` (pyproject.toml): each is a function
with typer's annotations, or a `typer.Typer` with sub-commands of its own. So that `local`, which
stands above the adapters, is one of them as well.
"""

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, distribution
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from adapters.cli import faults
from adapters.cli.failure import DONE, FAILED, INTERRUPTED

DISTRIBUTION = "inn-service"


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


def main() -> None:
    """Run the command line. Errors are one clear line on stderr, no traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 an answer or check failed, 2 wrong use or settings."""
    command = typer.main.get_command(app)
    try:
        # Without its stand-alone mode typer leaves errors, and how they are told, to us.
        status = command.main(list(arguments) or ["--help"], prog_name="inn", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else DONE
    except Exception as exc:  # noqa: BLE001  # whatever it is, it ends as one line
        fault = faults.told(exc, _path(arguments))
        sys.stderr.write(f"{fault}\n")
        return fault.status
    return status if isinstance(status, int) else DONE


def _path(arguments: Sequence[str]) -> str:
    """The command that was called, as its help names it."""
    return f"inn {arguments[0]}" if arguments and arguments[0] in _entries() else "inn"


def _entries() -> dict[str, EntryPoint]:
    # Of this distribution alone: to read what all installed ones offer takes a third of a second.
    return {entry.name: entry for entry in distribution(DISTRIBUTION).entry_points.select(group="inn.commands")}


def _command(name: str, target: Callable[..., object] | typer.Typer) -> Any:
    if not isinstance(target, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(target)
        target = alone
    target.rich_markup_mode = None
    for command in target.registered_commands:
        command.help = command.help or _help(command.callback)
    return typer.main.get_command(target)


def _help(command: Callable[..., object] | None) -> str:
    """A command's docstring, in which examples keep their lines: typer would flow them together."""
    return inspect.cleandoc((command and command.__doc__) or "").replace("\n\nExample", "\n\n\b\nExample")


def _reader_left() -> int:
    """End as `inn history | head` should: whoever read has seen enough."""
    # What is still buffered would be written, and fail once more, when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
