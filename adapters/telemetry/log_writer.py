"""Writes the log in a thread, from a bounded queue: a slow reader or a full disk blocks no other thread.

When the queue is full, or a write fails, lines are dropped and counted.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import UnsupportedOperation
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Final, TextIO

MAX_LINES: Final = 20_000
"""Lines in the queue: one second at a process's highest rate."""
BATCH: Final = 256
HELD_SEC: Final = 0.05
"""Time that a line waits for others: under load a system call for each would cost more than the line itself."""
CLOSE_SEC: Final = 2.0
"""Longest wait for a stuck reader at the process's end."""


class LogWriter:
    """Writes lines in a thread; it never blocks. `dropped`: lines that were not written."""

    def __init__(self, stream: TextIO, max_lines: int = MAX_LINES) -> None:
        # A garbage collection may log at any point, even within `write` of the same thread. So the queue's put is
        # reentrant, and so is the lock.
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self.dropped = 0
        self._counting = RLock()
        self._stream, self._max_lines = stream, max_lines
        self._stopping = Event()

    def write(self, line: str) -> None:
        """Queue one line, without its line end."""
        if self._lines.qsize() < self._max_lines:
            self._lines.put(line)
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
        writing = Thread(target=self._run, args=(on_gap,), daemon=True)
        writing.start()
        try:
            yield
        finally:
            self._max_lines = 0
            self._stopping.set()
            # It wakes the thread.
            self._lines.put(None)
            writing.join(CLOSE_SEC)

    def _run(self, on_gap: Callable[[int], None]) -> None:
        reported = 0
        while not (self._stopping.is_set() and self._lines.empty()):
            batch = [self._lines.get()]
            while len(batch) < BATCH and not self._lines.empty():
                batch.append(self._lines.get())
            lines = [f"{line}\n" for line in batch if line is not None]
            if not lines:
                continue
            try:
                _write(self._stream, "".join(lines))
            except (OSError, ValueError):
                # A full disk or a closed pipe; a closed stream.
                self.drop(len(lines))
            else:
                dropped = self.dropped
                if dropped > reported and self._lines.empty():
                    reported = dropped
                    on_gap(dropped)
            if self._lines.empty():
                self._stopping.wait(HELD_SEC)


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
