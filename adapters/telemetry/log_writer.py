"""Writes log lines in a thread of its own, so that a slow reader or a full disk stops nobody.

QueueHandler puts lines into a bounded queue, QueueListener writes all that wait at once. Lines that find the queue full,
or cannot be written, are dropped and counted.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import UnsupportedOperation
from logging import LogRecord
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Final, TextIO

from typing_extensions import override

MAX_LINES: Final = 20_000
"""Lines in the queue: a second of the most that a process logs."""
BATCH: Final = 256
HELD_SEC: Final = 0.05
"""A line waits so long for others: under load a call of the system for each would cost more than the line itself."""
CLOSE_SEC: Final = 2.0
"""How long the end of a process waits for a reader that does not read."""


class RenderedLine(LogRecord):
    """A line as it is written. Of a record's attributes it has no other."""

    def __init__(self, line: str) -> None:
        self.msg = line


class LogSink(QueueHandler):
    """What structlog's loggers write to; it never blocks. `dropped`: lines that were not written."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        # A garbage collection may log wherever it strikes, within a line of the same thread, too. So a put may interrupt
        # another one, and the lock can be taken twice.
        self.lines: SimpleQueue[LogRecord | None] = SimpleQueue()
        super().__init__(self.lines)
        self.dropped = 0
        self.max_lines = max_lines
        self._counting = RLock()

    @override
    def enqueue(self, record: LogRecord) -> None:
        if self.lines.qsize() < self.max_lines:
            self.lines.put(record)
        else:
            self.drop(1)

    def write(self, line: str) -> None:
        """Have one line written soon, given without its end."""
        self.enqueue(RenderedLine(line))

    # structlog calls the method that is named like the line's level.
    debug = info = warning = error = critical = write

    def drop(self, count: int) -> None:
        """Count lines that were not written."""
        with self._counting:
            self.dropped += count


class LogWriter(QueueListener):
    """Writes the lines of a sink. `on_gap` is called with the count of dropped lines, once lines can be written again."""

    def __init__(self, sink: LogSink, stream: TextIO, on_gap: Callable[[int], None]) -> None:
        super().__init__(sink.lines)
        self._sink, self._stream, self._on_gap = sink, stream, on_gap
        self._reported = 0
        self._batch: list[str] = []
        self._stopping = Event()

    @override
    def dequeue(self, block: bool) -> LogRecord:
        if self._batch and self._sink.lines.empty():
            self._flush()
            self._stopping.wait(HELD_SEC)
        return super().dequeue(block)

    @override
    def handle(self, record: LogRecord) -> None:
        self._batch.append(f"{record.msg}\n")
        if len(self._batch) >= BATCH:
            self._flush()

    @override
    def stop(self) -> None:
        self._stopping.set()
        super().stop()
        self._flush()

    def _flush(self) -> None:
        lines, self._batch = self._batch, []
        if not lines:
            return
        try:
            _write(self._stream, "".join(lines))
        except (OSError, ValueError):
            # A full disk or a closed pipe; a closed stream.
            self._sink.drop(len(lines))
            return
        dropped = self._sink.dropped
        if dropped > self._reported and self._sink.lines.empty():
            self._reported = dropped
            self._on_gap(dropped)


@contextmanager
def writing(sink: LogSink, stream: TextIO, on_gap: Callable[[int], None]) -> Iterator[None]:
    """Write the sink's lines while the context lasts, then what is left, if anybody reads it. Drop what comes later."""
    writer = LogWriter(sink, stream, on_gap)
    writer.start()
    try:
        yield
    finally:
        sink.max_lines = 0
        close_within(CLOSE_SEC, writer.stop)


def close_within(seconds: float, close: Callable[[], None]) -> None:
    """Close something, and wait for it no longer than that."""
    closing = Thread(target=close, daemon=True)
    closing.start()
    closing.join(seconds)


def _write(stream: TextIO, text: str) -> None:
    """Write it all, past the stream's own buffer: a stuck write would keep its lock, which Python's end waits for."""
    try:
        descriptor = stream.fileno()
    except UnsupportedOperation:
        # It is in memory.
        stream.write(text)
        return
    rest = memoryview(text.encode(stream.encoding, "backslashreplace"))
    while rest:
        rest = rest[os.write(descriptor, rest) :]
