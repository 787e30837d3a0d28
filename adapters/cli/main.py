"""The `inn` command. It always ends with an exit status and at most one line on standard error.

`serve` and `consume` have no options and start often: they run without typer, whose import takes a tenth of a
start. All other commands, and help, use typer (`commands.py`).
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import TextIOBase, UnsupportedOperation
from typing import Any, TextIO, cast

from adapters.cli.errors import DONE, FAILED, INTERRUPTED, StdoutClosed, Unwritable
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
                from adapters.cli import commands

                status = commands.call(arguments)
            output.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except StdoutClosed:
        return FAILED
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else DONE
    except Exception as exc:  # noqa: BLE001  # every error becomes one line
        from adapters.cli import commands

        line, status = commands.error_line(exc, arguments)
        if sys.stderr is not None:
            sys.stderr.write(f"{line}\n")
    return status if isinstance(status, int) else DONE


class Output:
    """A proxy of `stream` (None: there is none) that raises Unwritable: its errors are not taken for a server's."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = stream or TextIOBase()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Add a text. A trial write of "", by which libraries tell text from binary files, does nothing."""
        return 0 if text == "" else self._attempt(self._stream.write, text)

    def flush(self) -> None:
        """Write the buffer."""
        self._attempt(self._stream.flush)

    def _attempt(self, act: Callable[..., Any], *arguments: str) -> Any:
        try:
            return act(*arguments)
        except UnicodeEncodeError:
            why = f"{self._stream.encoding} lacks its letters: set PYTHONIOENCODING=utf-8"
        except UnsupportedOperation:
            why = "it is closed"
        except OSError as exc:
            # Discard the buffer: the interpreter would write it at its end, and fail again.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if isinstance(exc, BrokenPipeError):
                raise StdoutClosed("the reader of standard output has left") from None
            why = str(exc.strerror)
        raise Unwritable(f"cannot write to standard output: {why}")
