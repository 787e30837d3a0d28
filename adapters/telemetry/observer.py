"""The Observer of a process: metrics, log and traces."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from typing import TextIO

from typing_extensions import override

from adapters.telemetry.log_handler import Log, LogWriter
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.tracing_config import tracing
from function.telemetry import LookupEvent, Observer

DISTRIBUTION = "inn-service"
_WARNINGS = frozenset(
    {"consent_needed", "open_to_everybody", "queue_full", "reconnecting"}
    | {"server_reached", "server_unreachable", "store_available", "store_unavailable"}
)


class Telemetry(Metrics):
    """An Observer that logs, counts and opens spans."""

    def __init__(self, log: Log, spans: Observer | None, dropped_lines: Callable[[], int]) -> None:
        super().__init__(version(DISTRIBUTION), dropped_lines)
        self.log = log
        self._spans = spans

    @override
    def lookup(self, event: LookupEvent) -> None:
        self.log.event(logging.INFO, "lookup", {"lookup": event})
        super().lookup(event)
        if self._spans:
            self._spans.lookup(event)

    @override
    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        super().provider_closed(provider, why, seconds)
        name = "provider_closed" if seconds else "provider_open"
        self.log.event(logging.WARNING, name, {"provider": provider, "reason": why, "seconds": seconds})

    @override
    def message_moved(self, queue: str, reason: str) -> None:
        super().message_moved(queue, reason)
        if queue in ("dead", "unrouted"):
            # An operator has to look at these.
            self.log.event(logging.WARNING, "message_moved", {"queue": queue, "reason": reason})

    @override
    def event(self, name: str, /, **facts: str | float) -> None:
        self.log.event(logging.WARNING if name in _WARNINGS else logging.INFO, name, facts)

    @override
    def error(self, where: str, error: BaseException) -> None:
        super().error(where, error)
        self.log.error(where, error)

    @override
    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        return self._spans.span(name, traceparent, ago) if self._spans else nullcontext(traceparent)


@contextmanager
def start(name: str, level: str, stream: TextIO | None = None) -> Iterator[Telemetry]:
    """The telemetry of this process within the context: once a process, entered after any fork.

    `name`: of the service; `level`: as in LOG_LEVEL; `stream`: of the log, default standard error. It captures all
    other loggers of the process. OpenTelemetry's environment variables switch traces on.
    """
    stream = stream or sys.stderr
    writer = LogWriter(stream)
    log = Log(name, logging.getLevelNamesMapping()[level], writer.write, coloured=stream.isatty())

    def warn(event: str, fact: str, value: object) -> None:
        log.event(logging.WARNING, event, {fact: value})

    with (
        writer.running(partial(warn, "lines_lost", "count")),
        log.capturing(),
        tracing(name, os.environ, partial(warn, "tracing_off", "variable")) as spans,
    ):
        yield Telemetry(log, spans, lambda: writer.dropped)
