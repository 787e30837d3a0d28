"""Captures records of the standard library's loggers, and uncaught errors, for the service's log."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from typing_extensions import override

_SILENCED = ("uvicorn.access", "gunicorn.access", "werkzeug", "httptools")
"""They log each request's URL."""

OnRecord = Callable[[logging.LogRecord, int], None]


class LibraryHandler(logging.Handler):
    """Passes each record on, with the standard level at or below its own."""

    def __init__(self, on_record: OnRecord) -> None:
        super().__init__()
        self._on_record = on_record

    @override
    def handle(self, record: logging.LogRecord) -> bool:
        # Without the handler's lock: a garbage collection may log while this thread holds another one.
        self._on_record(record, min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL))
        return True


@contextmanager
def capture_loggers(level: int, on_record: OnRecord) -> Iterator[None]:
    """Sends the records of all loggers to `on_record` within the context; then restores the loggers."""
    # Libraries' records below a warning are only logged for debugging.
    lowest = logging.INFO if level <= logging.DEBUG else logging.WARNING
    silenced = [logging.getLogger(name) for name in _SILENCED]
    named = [item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
    before = [(each, each.level, vars(each).copy()) for each in (logging.root, *named)]
    for each in named:
        each.handlers, each.propagate, each.disabled = [], True, each in silenced
        each.setLevel(logging.NOTSET)
    logging.root.handlers = [LibraryHandler(on_record)]
    logging.root.setLevel(max(level, lowest))
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for each, was_level, attributes in before:
            vars(each).update(attributes)
            each.setLevel(was_level)


@contextmanager
def capture_errors(on_error: Callable[[str, BaseException], None]) -> Iterator[None]:
    """Sends uncaught errors to `on_error` within the context, because Python's own hooks print their texts."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook

    def report(where: str, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SystemExit):
            on_error(where, error)

    sys.excepthook = lambda _kind, error, _trace: report("process", error)
    threading.excepthook = lambda args: report("thread", args.exc_value)
    sys.unraisablehook = lambda args: report("finalizer", args.exc_value)
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before
