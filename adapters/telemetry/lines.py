"""Where log lines come from and go: their time, and the stream."""

import time
from collections.abc import Callable, MutableMapping
from threading import Event, RLock, Thread
from typing import Any, TextIO

HELD_SEC = 0.1
MOST_HELD = 256
"""Lines held; more are written by whoever comes with the next."""

Line = MutableMapping[str, Any]
"""A line on its way through the processors of structlog: facts by name."""


class Lines:
    """Writes lines, each whole. One that can't be written is counted: a log must stop nobody.

    Lines of everyday work are held for HELD_SEC at most and written together: under load the call of
    the system for each would cost more than all else about it. A warning, or worse, is written at
    once, and what is held before it. Only a process that is killed loses what it holds.
    """

    def __init__(self, stream: TextIO, lost: Callable[[], None]) -> None:
        self._stream = stream
        self._lost = lost
        # A garbage collection in the midst of a write may log as well, in the same thread.
        self._lock = RLock()
        self._held: list[str] = []
        self._holding = Event()
        self._closing = Event()
        self._writer: Thread | None = None

    def hold(self, line: str) -> None:
        """Write one line soon, given without its end."""
        with self._lock:
            self._held.append(line)
            count = len(self._held)
        if count == 1:
            self._write_later()
        elif count >= MOST_HELD:
            self._write_held()

    def write(self, line: str) -> None:
        """Write one line now, given without its end."""
        with self._lock:
            self._held.append(line)
            self._write_held()

    # structlog calls the method that is named like the line's level.
    debug = info = hold
    warning = error = critical = write

    def close(self) -> None:
        """Write what is held. What comes later is written at once."""
        self._closing.set()
        self._holding.set()
        if self._writer is not None:
            self._writer.join()
        self._write_held()

    def _write_later(self) -> None:
        if self._closing.is_set():
            self._write_held()
            return
        if self._writer is None:
            self._writer = Thread(target=self._write_on, name="log", daemon=True)
            self._writer.start()
        self._holding.set()

    def _write_on(self) -> None:
        while not self._closing.is_set():
            self._holding.wait()
            self._closing.wait(HELD_SEC)
            self._holding.clear()
            self._write_held()

    def _write_held(self) -> None:
        with self._lock:
            lines, self._held = self._held, []
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError, RuntimeError):
                # A full disk or a closed pipe, a closed stream, a write within a write.
                for _ in lines:
                    self._lost()


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
