"""What the libraries log, and errors that nobody caught, brought into our log without their texts.

A library's message holds URLs, bodies, addresses with passwords. Of a record remain: the logger,
the level, the place of the call, an exception's type and places; and the message's template where
it is a literal of the calling function, which proves that nothing was written into it.
"""

import inspect
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from adapters.telemetry import harmless, places
from adapters.telemetry.logs import Log

_SILENT = ("uvicorn.access", "gunicorn.access", "werkzeug", "httptools")
"""They log each request's URL; our own line says more."""

_KNOWN = frozenset(
    {
        "Task exception was never retrieved",
        "Future exception was never retrieved",
        "Task was destroyed but it is pending!",
        "Exception in callback",
        "Unclosed connection",
    }
)
"""First lines of messages that asyncio puts together of several."""

_FRAMES = 12
"""How far behind the handler its caller stands at most."""


class Handler(logging.Handler):
    """Takes records of the standard library's loggers."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log the harmless part of a record."""
        facts = harmless.Proven(
            logger=harmless.word(record.name) or harmless.OTHER,
            text=_template(record),
            place=places.place(record.pathname, record.lineno, record.funcName or ""),
        )
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            facts.update(places.told(error))
        self._log.event("library", {"record": facts}, _standard(record.levelno))


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


def _template(record: logging.LogRecord) -> str:
    message = record.msg
    if not isinstance(message, str):
        return harmless.WITHHELD
    first_line = message.partition("\n")[0]
    if first_line in _KNOWN:
        return first_line
    caller = _caller(record)
    return message if caller is not None and message in caller.f_code.co_consts else harmless.WITHHELD


def _caller(record: logging.LogRecord) -> FrameType | None:
    """The frame that logged: handlers run in its call."""
    frame: FrameType | None = inspect.currentframe()
    for _ in range(_FRAMES):
        if frame is None or (frame.f_code.co_filename, frame.f_lineno) == (record.pathname, record.lineno):
            return frame
        frame = frame.f_back
    return None
