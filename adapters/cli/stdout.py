"""Standard output as commands write to it: its errors have a class of their own, and are not taken for a server's."""

import os
from collections.abc import Callable
from io import TextIOBase, UnsupportedOperation
from typing import Any, TextIO

from adapters.cli.errors import StdoutClosed, Unwritable

MAX_TEXT = 500
"""Characters that are shown of a text that a server sent."""


def printable(text: str) -> str:
    """A text from elsewhere in one line, without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT].strip()


class Output:
    """Writes to `stream`, and is that stream in all else; None: the process was started without one. Raises Unwritable."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = stream or TextIOBase()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Add a text. A trial write of "", by which libraries tell text from binary files, does nothing."""
        return 0 if text == "" else self._attempt(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._attempt(self._stream.flush)

    def _attempt(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except BrokenPipeError:
            self._discard()
            raise StdoutClosed("the reader of standard output has left") from None
        except UnicodeEncodeError:
            why = f"{self._stream.encoding} lacks its letters: set PYTHONIOENCODING=utf-8"
        except UnsupportedOperation:
            why = "it is closed"
        except OSError as exc:
            self._discard()
            why = str(exc.strerror)
        raise Unwritable(f"cannot write to standard output: {why}")

    def _discard(self) -> None:
        """Discard what is still buffered: the interpreter would write it at its end, and fail once more."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
