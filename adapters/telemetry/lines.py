"""Where log lines come from and go: their time, and the stream."""

import os
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from io import UnsupportedOperation
from threading import Lock, RLock, Thread
from typing import Any, Final, TextIO

HELD_SEC: Final = 0.1
TOGETHER: Final = 256
"""So many lines held are written without waiting for more."""
_WAKING: Final = (0, TOGETHER - 1)
"""With so many lines before it, a line wakes the writer."""
MOST_HELD: Final = 8 << 20
"""Characters held; what comes on top is lost. It is a second of the most that a process can say."""
CLOSE_SEC: Final = 2.0
"""How long the end of a process waits for a reader that does not read."""

Line = MutableMapping[str, Any]
"""A line on its way through the processors of structlog: facts by name."""


class Lines:
    """Writes lines, each whole, in a thread of its own: a log must stop nobody, whoever reads it or does not.

    Lines of everyday work are held for HELD_SEC at most and written together: under load the call of
    the system for each would cost more than all else about it. A warning, or worse, is written at
    once, and what is held before it. A line that is not written is counted in `lost`; `gap` hears the
    count once lines flow again. Only a process that is killed, or whose log nobody reads at its end,
    loses what it holds.
    """

    def __init__(self, stream: TextIO, gap: Callable[[int], None]) -> None:
        self.lost = 0
        self._stream = stream
        self._gap = gap
        # A garbage collection may log wherever it strikes, in a thread that is logging just then. So the lock can be
        # taken twice by one thread; and what wakes the writer is a lock that anybody may open, open or not: an Event
        # would wait for itself, and a Condition could miss the call.
        self._lock = RLock()
        self._asleep = Lock()
        self._held: list[str] = []
        self._size, self._room = 0, MOST_HELD
        self._urgent = self._ending = False
        self._writer = Thread(target=self._write_on, name="log", daemon=True)
        self._asleep.acquire()
        self._writer.start()

    def hold(self, line: str) -> None:
        """Have one line written soon, given without its end."""
        with self._lock:
            if self._size >= self._room:
                self.lost += 1
                return
            before = len(self._held)
            self._held.append(line)
            self._size += len(line)
            if before in _WAKING:
                self._wake()

    def write(self, line: str) -> None:
        """Have one line written now, given without its end."""
        self.hold(line)
        self._urgent = True
        self._wake()

    # structlog calls the method that is named like the line's level.
    debug = info = hold
    warning = error = critical = write

    def close(self) -> None:
        """Write what is held, if anybody reads it within CLOSE_SEC. What comes later is lost."""
        self._ending = True
        self._wake()
        self._writer.join(CLOSE_SEC)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # it is awake
            self._asleep.release()

    def _write_on(self) -> None:
        flows, told = True, 0
        while True:
            self._rest()
            with self._lock:
                lines, self._held, self._size, self._urgent = self._held, [], 0, False
                if self._ending and not lines:
                    self._room = 0
                    return
                lost = self.lost
            if flows and lost > told:
                # It comes behind what is written now, which is where lines are missing.
                told = lost
                self._gap(lost)
            if lines:
                flows = self._written(lines)

    def _rest(self) -> None:
        """Until there is something to write, and more has had its time to come."""
        if not self._ending:
            self._asleep.acquire()
        if not (self._urgent or self._ending or len(self._held) >= TOGETHER):
            self._asleep.acquire(timeout=HELD_SEC)

    def _written(self, lines: list[str]) -> bool:
        try:
            _put(self._stream, "".join(f"{line}\n" for line in lines))
        except (OSError, ValueError):
            # A full disk or a closed pipe; a closed stream.
            with self._lock:
                self.lost += len(lines)
            return False
        return True


def _put(stream: TextIO, text: str) -> None:
    """Write it all, past the stream's own buffer: a stuck write would keep its lock, which Python's end waits for."""
    try:
        descriptor = stream.fileno()
    except UnsupportedOperation:
        # It is in memory.
        stream.write(text)
        stream.flush()
        return
    rest = memoryview(text.encode(stream.encoding, "backslashreplace"))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


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
