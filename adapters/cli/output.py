"""Standard output as commands write to it: its troubles have an error of their own, which no server's is taken for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase, UnsupportedOperation
from typing import TextIO


class Unwritable(Exception):
    """Standard output takes nothing more; the text says why."""


class ReaderLeft(Unwritable):
    """Whoever read it has seen enough, as in `inn history | head`."""


class Output(TextIOBase):
    """What is written goes to `stream`; None: the process was started without one. Raises Unwritable."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """See TextIO."""
        if self._stream is None:
            raise Unwritable("cannot write to standard output: it is closed")
        if text == "":
            # So a library finds out what this is, and swallows the error.
            return 0
        with _told(self._stream):
            return self._stream.write(text)

    def flush(self) -> None:
        """See TextIO."""
        if self._stream is not None:
            with _told(self._stream):
                self._stream.flush()

    def isatty(self) -> bool:
        """See TextIO."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """See TextIO. A question at a terminal has a line editor only where there is one."""
        if self._stream is None:
            raise UnsupportedOperation
        return self._stream.fileno()

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # there it is a variable
        """See TextIO."""
        return self._stream.errors if self._stream is not None else "strict"

    @property
    def encoding(self) -> str:  # type: ignore[override]  # there it is a variable
        """See TextIO."""
        return self._stream.encoding if self._stream is not None else "utf-8"


@contextmanager
def _told(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _give_up(stream)
        raise ReaderLeft("whoever read standard output has left") from None
    except UnicodeEncodeError:
        what = f"{stream.encoding} lacks its letters: set PYTHONIOENCODING=utf-8"
        raise Unwritable(f"cannot write to standard output: {what}") from None
    except OSError as exc:
        _give_up(stream)
        raise Unwritable(f"cannot write to standard output: {exc.strerror}") from None


def _give_up(stream: TextIO) -> None:
    """Let what is still buffered go nowhere: it would be written, and fail once more, when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
