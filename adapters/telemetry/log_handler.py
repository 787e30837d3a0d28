"""The log: lines of the service's events, of libraries' records and of uncaught errors, as JSON or coloured.

A field of every lookup's line belongs into `LookupEvent` and `Log.lookup`. A thread writes the lines, from a bounded
queue: a slow reader or a full disk blocks no other thread. When the queue is full, or a write fails, lines are dropped
and counted.
"""

import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import UnsupportedOperation
from queue import SimpleQueue
from typing import Any, Final, TextIO

from pydantic_core import to_json
from typing_extensions import override

from adapters.telemetry import log_allow_list as allow_list
from adapters.telemetry.log_allow_list import DATE, KNOWN, OTHER, SIGN, WITHHELD
from function.telemetry import LookupEvent

MAX_LINES: Final = 20_000  # lines in the queue: one second at a process's highest rate
BATCH: Final = 256
HELD_SEC: Final = 0.05  # wait of a line for others: under load a system call for each costs more than the line itself
CLOSE_SEC: Final = 2.0  # longest wait for a stuck reader at the process's end

_SILENCED = ("uvicorn.access", "gunicorn.access", "werkzeug", "httptools")  # they log each request's URL
_COLOURS: Final = {"debug": 36, "info": 32, "warning": 33, "error": 31, "critical": 31}  # ANSI codes by level

# Clients choose request ids: one that could be a document, an INN, a date or a name is withheld.
_ID = re.compile(r"[A-Za-z0-9._:/+=~-]{1,128}")
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# Milliseconds since the epoch, 2023 to 2033: no document has thirteen digits.
_IMPERSONAL = re.compile(rf"{_UUID.pattern}|(?<![0-9])1[7-9][0-9]{{11}}(?![0-9])")
_EIGHT_DIGITS = re.compile(f"[0-9](?:{SIGN}*[0-9]){{7}}")
# Ten digits or more could contain a passport. Letters between two digits end a number.
_DOCUMENT = re.compile(f"[0-9](?:{SIGN}*[0-9]){{9}}|{DATE}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def request_id(value: str) -> str:
    """The client's id of a request, or "withheld" where it could identify the person."""
    if not value or _UUID.fullmatch(value):
        return value
    # Most ids have no eight digits in a row, and the second search costs several times as much.
    could_be_personal = _EIGHT_DIGITS.search(value) and _DOCUMENT.search(_IMPERSONAL.sub("x", value))
    return value if _ID.fullmatch(value) and not could_be_personal else WITHHELD


class Log(logging.Handler):
    """Logs events from `level` on, and as a handler the records of other loggers; it never blocks.

    `dropped`: lines that were not written.
    """

    def __init__(self, service: str, level: int, stream: TextIO, max_lines: int = MAX_LINES) -> None:
        super().__init__(level)
        self._service, self._stream, self._max_lines = service, stream, max_lines
        self._coloured = stream.isatty()
        # A garbage collection may log at any point, even within `write` of the same thread. So the queue's put is
        # reentrant, and so is the lock.
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self.dropped = 0
        self._counting = threading.RLock()
        self._stopping = threading.Event()

    def event(self, level: int, name: str, facts: Mapping[str, object]) -> None:
        """Log one line of the facts that the allow-list passes. `level`: one of the standard library's."""
        if level >= self.level:
            self._log(level, allow_list.code(name) or OTHER, allow_list.filter_facts(facts))

    def lookup(self, event: LookupEvent) -> None:
        """Log a request that ended or was deferred."""
        if self.level <= logging.INFO:
            trace = event.traceparent and _TRACEPARENT.fullmatch(event.traceparent)
            facts = {
                "entry": KNOWN.get(event.entry, OTHER),
                "status": KNOWN.get(event.status, OTHER),
                "cached": event.cached,
                "provider": KNOWN.get(event.provider, OTHER),
                "request_id": request_id(event.request_id),
                "ms": round(event.seconds * 1000, 2),
                "attempt": event.attempt,
                "trace_id": trace[1] if trace else "",
            }
            self._log(logging.INFO, "lookup", facts)

    def error(self, where: str, error: BaseException) -> None:
        """Log an unexpected error."""
        self._log(logging.ERROR, "error", {**allow_list.filter_facts({"where": where}), **allow_list.describe(error)})

    @override
    def handle(self, record: logging.LogRecord) -> bool:
        # Without the handler's lock: a garbage collection may log while this thread holds another one.
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        self._log(level, "library", allow_list.describe_record(record))
        return True

    def _log(self, level: int, name: str, facts: Mapping[str, Any]) -> None:
        """Queue a line; the facts are harmless."""
        time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = {"time": time, "level": logging.getLevelName(level).lower(), "event": name, "service": self._service}
        line |= facts
        # pydantic's takes half of json's time.
        self.write(_render_coloured(line) if self._coloured else to_json(line, ensure_ascii=True).decode())

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
    def writing(self) -> Iterator[None]:
        """Write lines within the context, then those that are queued, in CLOSE_SEC. Later ones are dropped."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._max_lines = 0
            self._stopping.set()
            self._lines.put(None)  # it wakes the thread
            thread.join(CLOSE_SEC)

    def _run(self) -> None:
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
            except (OSError, ValueError):  # a full disk or a closed pipe; a closed stream
                self.drop(len(lines))
            else:
                dropped = self.dropped
                if dropped > reported and self._lines.empty():
                    reported = dropped
                    self.event(logging.WARNING, "lines_lost", {"count": dropped})
            if self._lines.empty():
                self._stopping.wait(HELD_SEC)

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Logs the records of all loggers, and uncaught errors, within the context; then restores loggers and hooks."""
        # Libraries' records below a warning are only logged for debugging.
        lowest = logging.INFO if self.level <= logging.DEBUG else logging.WARNING
        silenced = [logging.getLogger(name) for name in _SILENCED]
        named = [item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
        before = [(each, vars(each).copy()) for each in (logging.root, *named)]
        hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
        for each in named:
            each.handlers, each.propagate, each.disabled = [], True, each in silenced
            each.setLevel(logging.NOTSET)
        logging.root.handlers = [self]
        logging.root.setLevel(max(self.level, lowest))
        logging.captureWarnings(capture=True)
        # Python's own hooks print the errors' texts.
        sys.excepthook = lambda _kind, error, _trace: self._uncaught("process", error)
        threading.excepthook = lambda args: self._uncaught("thread", args.exc_value)
        sys.unraisablehook = lambda args: self._uncaught("finalizer", args.exc_value)
        try:
            yield
        finally:
            sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
            logging.captureWarnings(capture=False)
            for each, attributes in before:
                vars(each).update(attributes)
                each.setLevel(attributes["level"])  # it also clears a cache

    def _uncaught(self, where: str, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SystemExit):
            self.error(where, error)


def _render_coloured(line: Mapping[str, Any]) -> str:
    colours = {"level": _COLOURS[line["level"]], "event": 1}
    facts = (f"\x1b[36m{name}\x1b[0m=\x1b[{colours.get(name, 0)}m{value}\x1b[0m" for name, value in line.items())
    return " ".join(facts)


def _write(stream: TextIO, text: str) -> None:
    """Write all, bypassing the stream's buffer: a stuck write would keep its lock, and Python's end waits for that."""
    try:
        descriptor = stream.fileno()
    except UnsupportedOperation:
        stream.write(text)  # it is in memory
        return
    rest = memoryview(text.encode(stream.encoding, "backslashreplace"))
    while rest:
        rest = rest[os.write(descriptor, rest) :]
