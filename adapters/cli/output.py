"""Standard output as commands write to it: its errors have a class of their own, and are not taken for a server's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase, UnsupportedOperation
from typing import TextIO

from typing_extensions import override

from adapters.cli.errors import ReaderLeft, Unwritable

MAX_TEXT = 500
"""Characters that are shown of a text that a server sent."""


def printable(text: str) -> str:
    """A text from elsewhere in one line, without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT].strip()


class Output(TextIOBase):
    """Writes to `stream`; None: the process was started without one. Raises Unwritable."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @override
    def write(self, text: str) -> int:
        if self._stream is None:
            raise Unwritable("cannot write to standard output: it is closed")
        if text == "":
            # A library's trial write, which ignores errors.
            return 0
        with _write_errors(self._stream):
            return self._stream.write(text)

    @override
    def flush(self) -> None:
        if self._stream is not None:
            with _write_errors(self._stream):
                self._stream.flush()

    @override
    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    @override
    def fileno(self) -> int:
        """A question at a terminal has a line editor only where there is one."""
        if self._stream is None:
            raise UnsupportedOperation
        return self._stream.fileno()

    @property
    @override
    def errors(self) -> str | None:  # type: ignore[override]  # there it is a variable
        return self._stream.errors if self._stream is not None else "strict"

    @property
    @override
    def encoding(self) -> str:  # type: ignore[override]  # there it is a variable
        return self._stream.encoding if self._stream is not None else "utf-8"


@contextmanager
def _write_errors(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _discard(stream)
        raise ReaderLeft("the reader of standard output has left") from None
    except UnicodeEncodeError:
        what = f"{stream.encoding} lacks its letters: set PYTHONIOENCODING=utf-8"
        raise Unwritable(f"cannot write to standard output: {what}") from None
    except OSError as exc:
        _discard(stream)
        raise Unwritable(f"cannot write to standard output: {exc.strerror}") from None


def _discard(stream: TextIO) -> None:
    """Discard what is still buffered: the interpreter would write it at its end, and fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
