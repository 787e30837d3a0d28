"""The `inn` command. It always ends with an exit status and at most one line on standard error.

`serve` and `consume` have no options and start often: they run without typer, whose import takes a tenth of a
start. All other commands, and help, use typer (`typer_app.py`).
"""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import TextIO, cast

from adapters.cli.errors import DONE, FAILED, INTERRUPTED
from adapters.cli.stdout import Output, StdoutClosed
from adapters.runtime.import_speed import fast_imports

PROCESSES = ("serve", "consume")  # commands without options: functions in modules of the same names


def main() -> None:
    """Run the command line."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 an answer or check failed, 2 wrong use or settings."""
    try:
        output = Output(sys.stdout)
        with redirect_stdout(cast("TextIO", output)):
            if len(arguments) == 1 and arguments[0] in PROCESSES:
                with fast_imports():
                    command = getattr(import_module(f"adapters.cli.{arguments[0]}"), arguments[0])
                status = command()
            else:
                from adapters.cli import typer_app

                status = typer_app.call(arguments)
            output.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except StdoutClosed:
        return FAILED
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else DONE
    except Exception as exc:  # noqa: BLE001  # every error becomes one line
        from adapters.cli import typer_app

        line, status = typer_app.error_line(exc, arguments)
        if sys.stderr is not None:
            sys.stderr.write(f"{line}\n")
    return status if isinstance(status, int) else DONE
