"""The log: one JSON object a line, or coloured lines on a terminal.

A thread writes the lines from a bounded queue (the standard library's QueueListener), so that a slow reader or a
full disk blocks no other thread. When the queue is full, or a write fails, lines are dropped and counted.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import UnsupportedOperation
from logging.handlers import QueueListener
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Any, Final, TextIO

from pydantic_core import to_json
from typing_extensions import override

from adapters.runtime.import_speed import fast_imports
from adapters.telemetry.allow_list import code, filter_facts

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


class Logger:
    """Logs the events from `level` on. `write`: takes a line without its end."""

    def __init__(self, service: str, level: int, write: Callable[[str], None], *, coloured: bool) -> None:
        self._service, self._level, self._write = service, level, write
        self._render = _coloured_renderer() if coloured else _render_json

    def log(self, level: int, event: str, facts: Mapping[str, object]) -> None:
        """Log one line of the facts that the allow-list passes. `level`: one of the standard library's."""
        if level >= self._level:
            time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            name = logging.getLevelName(level).lower()
            head = {"time": time, "level": name, "event": code(event), "service": self._service}
            self._write(self._render({**head, **filter_facts(facts)}))


def _render_json(line: dict[str, Any]) -> str:
    # In half of json's time.
    return to_json(line, ensure_ascii=True).decode()


def _coloured_renderer() -> Callable[[dict[str, Any]], str]:
    # Only on a terminal: it takes as much memory as the rest of this package; with rich, which it imports for
    # tracebacks that this log does not have, several times as much.
    with fast_imports("rich"):
        from structlog.dev import ConsoleRenderer  # noqa: PLC0415  # on a terminal alone
    renderer = ConsoleRenderer(sort_keys=False, timestamp_key="time")
    return lambda line: str(renderer(None, "", line))


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
