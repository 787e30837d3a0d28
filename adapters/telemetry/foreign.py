"""What the libraries log, and errors that nobody caught, brought into our log."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from adapters.telemetry.logs import Log

_SILENT = ("uvicorn.access", "gunicorn.access", "werkzeug", "httptools")
"""They log each request's URL; our own line says more."""


class Handler(logging.Handler):
    """Takes records of the standard library's loggers."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def handle(self, record: logging.LogRecord) -> bool:
        """Log the harmless part of a record, without a handler's own lock.

        A garbage collection within a line of ours may log as well: that lock, wanted behind the log's own one,
        while another thread holds it and wants the log's, would stop both for ever.
        """
        self._log.event("library", {"record": record}, _standard(record.levelno))
        return True


@contextmanager
def taken_over(log: Log) -> Iterator[None]:
    """While it lasts, every other logger and every uncaught error ends in `log`; afterwards all is as it was."""
    with _loggers(Handler(log), max(log.level, _foreign_level(log.level))), _hooks(log):
        yield


def _standard(level: int) -> int:
    """The standard level at or below a library's own one."""
    return min(max(level // 10 * 10, logging.DEBUG), logging.CRITICAL)


def _foreign_level(level: int) -> int:
    # Libraries tell little but trouble that is worth a line.
    return logging.INFO if level <= logging.DEBUG else logging.WARNING


@contextmanager
def _loggers(handler: Handler, level: int) -> Iterator[None]:
    named = [item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
    silent = [logging.getLogger(name) for name in _SILENT]
    loggers = {logging.root, *named, *silent}
    before = [(each, each.handlers[:], each.propagate, each.level, each.disabled) for each in loggers]
    for each in loggers:
        each.handlers, each.propagate = [], True
        each.setLevel(logging.NOTSET)
    for each in silent:
        each.disabled = True
    logging.root.handlers = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for each, handlers, propagate, was_level, disabled in before:
            each.handlers, each.propagate, each.disabled = handlers, propagate, disabled
            each.setLevel(was_level)


@contextmanager
def _hooks(log: Log) -> Iterator[None]:
    """Python's own last resorts print an error with its text."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook

    def uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        log.trouble("process", error)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            log.trouble("thread", args.exc_value)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            log.trouble("finalizer", args.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = uncaught, in_thread, unraisable
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before
