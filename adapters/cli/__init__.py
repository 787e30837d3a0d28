"""The `inn` command, and how it ends: whatever happens is one clear line and an exit status.

A long-running process takes no options, and starts often: it is run as it stands here. All else,
help included, goes through typer (`commands.py`), whose import takes a tenth of a start.
"""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module

from adapters.cli.failure import DONE, FAILED, INTERRUPTED
from adapters.cli.output import Output, ReaderLeft
from adapters.runtime.imports import swiftly

PROCESSES = ("serve", "consume")
"""Commands without options, each a function in a module of its name."""


def main() -> None:
    """Run the command line. Errors are one clear line on stderr, no traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 an answer or check failed, 2 wrong use or settings."""
    try:
        with redirect_stdout(Output(sys.stdout)) as output:
            status = _called(arguments)
            output.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except ReaderLeft:
        return FAILED
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else DONE
    except Exception as exc:  # noqa: BLE001  # whatever it is, it ends as one line
        from adapters.cli import commands, faults  # noqa: PLC0415  # they import typer, and most starts have no error

        fault = faults.told(exc, commands.path(arguments))
        if sys.stderr is not None:
            sys.stderr.write(f"{fault}\n")
        return fault.status
    return status if isinstance(status, int) else DONE


def _called(arguments: Sequence[str]) -> object:
    """What the command gives back."""
    match arguments:
        case [name] if name in PROCESSES:
            with swiftly():
                command = getattr(import_module(f"adapters.cli.{name}"), name)
            return command()
        case _:
            from adapters.cli import commands  # noqa: PLC0415  # it imports typer

            return commands.call(arguments)
