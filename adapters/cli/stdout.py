"""Standard output: its write errors become `Unwritable`, and are not mistaken for a server's."""

import os
from collections.abc import Callable
from io import TextIOBase, UnsupportedOperation
from typing import Any, TextIO

from adapters.cli.errors import Failure

MAX_TEXT = 500  # characters of a server's text that are shown


class Unwritable(Failure):
    """Standard output cannot be written; the text says why."""


class StdoutClosed(Unwritable):
    """The reader has closed standard output, as in `inn history | head`."""


class Output:
    """A proxy of `stream` (None: the process was started without one) that raises Unwritable."""

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


def printable(text: str) -> str:
    """An untrusted text in one line, without control characters, which a terminal would execute."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT].strip()
