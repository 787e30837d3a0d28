"""Writes the log in a thread, from a bounded queue: a slow reader or a full disk blocks no other thread.

When the queue is full, or a write fails, lines are dropped and counted.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import UnsupportedOperation
from logging.handlers import QueueListener
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Any, Final, TextIO

from typing_extensions import override

MAX_LINES: Final = 20_000
"""Lines in the queue: one second at a process's highest rate."""
BATCH: Final = 256
HELD_SEC: Final = 0.05
"""Time that a line waits for others: under load a system call for each would cost more than the line itself."""
CLOSE_SEC: Final = 2.0
"""Longest wait for a stuck reader at the process's end."""


class LogWriter(QueueListener):
    """Writes lines in a thread; it never blocks. `dropped`: lines that were not written."""

    def __init__(self, stream: TextIO, max_lines: int = MAX_LINES) -> None:
        # A garbage collection may log at any point, even within `write` of the same thread. So the queue's put is
        # reentrant, and so is the lock.
        self.lines: SimpleQueue[Any] = SimpleQueue()
        super().__init__(self.lines)
        self.dropped = 0
        self._counting = RLock()
        self._stream, self._max_lines = stream, max_lines
        self._reported = 0
        self._on_gap: Callable[[int], None] = lambda _: None
        self._stopping = Event()

    def write(self, line: str) -> None:
        """Queue one line, without its line end."""
        if self.lines.qsize() < self._max_lines:
            self.lines.put(line)
        else:
            self.drop(1)

    def drop(self, count: int) -> None:
        """Count lines that were not written."""
        with self._counting:
            self.dropped += count

    @contextmanager
    def running(self, on_gap: Callable[[int], None]) -> Iterator[None]:
        """Write within the context, then write the rest, in CLOSE_SEC. Later lines are dropped.

        `on_gap` is called with the count of dropped lines once lines can be written again.
        """
        self._on_gap = on_gap
        self.start()
        try:
            yield
        finally:
            self._max_lines = 0
            self._stopping.set()
            close_within(CLOSE_SEC, self.stop)

    @override
    def handle(self, record: Any) -> None:
        """Write a line and the queued ones after it, then wait for more."""
        lines = [record]
        while len(lines) < BATCH and not self.lines.empty():
            lines.append(self.lines.get())
        if lines[-1] is None:
            # The end, as QueueListener's thread expects it.
            self.lines.put(lines.pop())
        try:
            _write(self._stream, "\n".join([*lines, ""]))
        except (OSError, ValueError):
            # A full disk or a closed pipe; a closed stream.
            self.drop(len(lines))
        else:
            dropped = self.dropped
            if dropped > self._reported and self.lines.empty():
                self._reported = dropped
                self._on_gap(dropped)
        if self.lines.empty():
            self._stopping.wait(HELD_SEC)


def close_within(seconds: float, close: Callable[[], None]) -> None:
    """Call `close` in a thread, and wait for it at most `seconds`."""
    closing = Thread(target=close, daemon=True)
    closing.start()
    closing.join(seconds)


def _write(stream: TextIO, text: str) -> None:
    """Write all, bypassing the stream's buffer: a stuck write would keep its lock, and Python's end waits for that."""
    try:
        descriptor = stream.fileno()
    except UnsupportedOperation:
        # It is in memory.
        stream.write(text)
        return
    rest = memoryview(text.encode(stream.encoding, "backslashreplace"))
    while rest:
        rest = rest[os.write(descriptor, rest) :]
