"""The log: lines of the service's events, of libraries' records and of uncaught errors, as JSON or coloured."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json
from typing_extensions import override

from adapters.telemetry.allow_list import code, filter_facts

_SILENCED = ("uvicorn.access", "gunicorn.access", "werkzeug", "httptools")
"""They log each request's URL."""
_COLOURS: Final = {"debug": 36, "info": 32, "warning": 33, "error": 31, "critical": 31}
"""ANSI codes by level."""


class Log(logging.Handler):
    """Logs events from `level` on, and as a handler the records of other loggers. `write`: takes a line without its end."""

    def __init__(self, service: str, level: int, write: Callable[[str], None], *, coloured: bool) -> None:
        super().__init__(level)
        self._service, self._write = service, write
        self._render = _render_coloured if coloured else _render_json

    def event(self, level: int, name: str, facts: Mapping[str, object]) -> None:
        """Log one line of the facts that the allow-list passes. `level`: one of the standard library's."""
        if level >= self.level:
            time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            word = logging.getLevelName(level).lower()
            head = {"time": time, "level": word, "event": code(name), "service": self._service}
            self._write(self._render({**head, **filter_facts(facts)}))

    def error(self, where: str, error: BaseException) -> None:
        """Log an unexpected error."""
        self.event(logging.ERROR, "error", {"where": where, "exception": error})

    @override
    def handle(self, record: logging.LogRecord) -> bool:
        # Without the handler's lock: a garbage collection may log while this thread holds another one.
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        self.event(level, "library", {"record": record})
        return True

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
                # It also clears a cache.
                each.setLevel(attributes["level"])

    def _uncaught(self, where: str, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SystemExit):
            self.error(where, error)


def _render_json(line: Mapping[str, Any]) -> str:
    # In half of json's time.
    return to_json(line, ensure_ascii=True).decode()


def _render_coloured(line: Mapping[str, Any]) -> str:
    colours = {"level": _COLOURS[line["level"]], "event": 1}
    facts = (f"\x1b[36m{name}\x1b[0m=\x1b[{colours.get(name, 0)}m{value}\x1b[0m" for name, value in line.items())
    return " ".join(facts)
