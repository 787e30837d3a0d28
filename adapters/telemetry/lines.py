"""Where log lines go, and the clock that stamps them."""

import time
from collections.abc import Callable
from threading import RLock
from typing import TextIO


class Lines:
    """Writes lines, each whole and at once. One that can't be written is counted: a log must stop nobody."""

    def __init__(self, stream: TextIO, lost: Callable[[], None]) -> None:
        self._stream = stream
        self._lost = lost
        # A garbage collection in the midst of a write may log as well, in the same thread.
        self._lock = RLock()

    def write(self, line: str) -> None:
        """Write one line, given without its end."""
        try:
            with self._lock:
                self._stream.write(f"{line}\n")
                self._stream.flush()
        except (OSError, ValueError, RuntimeError):
            # A full disk or a closed pipe, a closed stream, a write within a write.
            self._lost()


class Stamps:
    """The time as ISO 8601 in UTC, to the millisecond; the second's text is made once a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = (-1, "")

    def __call__(self) -> str:
        """The time now."""
        now = self._clock()
        second, text = self._last
        if second != int(now):
            second = int(now)
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._last = (second, text)
        return f"{text}.{int((now - second) * 1000):03d}Z"
