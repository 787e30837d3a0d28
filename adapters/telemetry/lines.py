"""Where log lines come from and go: their time, and the stream."""

import time
from collections.abc import Callable, MutableMapping
from threading import RLock
from typing import Any, TextIO

Line = MutableMapping[str, Any]
"""A line on its way through the processors of structlog: facts by name."""


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

    # structlog calls the method that is named like the line's level.
    debug = info = warning = error = critical = write


class Stamps:
    """A processor of structlog: the time as ISO 8601 in UTC, to the millisecond.

    `clock`: seconds since the epoch. The second's text is made once a second.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = (-1, "")

    def __call__(self, _logger: object, _level: str, line: Line) -> Line:
        """The line with its time."""
        now = self._clock()
        second, text = self._last
        if not second <= now < second + 1:
            second = int(now)
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._last = (second, text)
        line["time"] = f"{text}.{int((now - second) * 1000):03d}Z"
        return line
