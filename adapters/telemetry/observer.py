"""The Observer of a process: it hands each report to the log and the metrics, and opens spans."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from importlib.metadata import version
from typing import TextIO

from adapters.telemetry import foreign, metrics
from adapters.telemetry.lines import Lines
from adapters.telemetry.logs import Log
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.traces import Traces, tracing
from function.telemetry import Ended

_WARNINGS = frozenset(
    {"reconnecting", "open_to_everybody", "start_waits", "start_goes_on", "store_away", "store_back", "queue_full"}
)
DISTRIBUTION = "inn-service"


class Telemetry:
    """An Observer, and what `/metrics` answers."""

    exposition_type = metrics.CONTENT_TYPE

    def __init__(self, log: Log, numbers: Metrics, traces: Traces) -> None:
        self._log = log
        self._metrics = numbers
        self._traces = traces

    def exposition(self) -> bytes:
        """All metrics as text, of `exposition_type`."""
        return self._metrics.exposition()

    def looked(self, part: str, *, ready: bool) -> None:
        """One of PARTS was looked at, for `/readyz`."""
        self._metrics.looked(part, ready=ready)

    def in_work(self, entry: str, change: int) -> None:
        """See Observer."""
        self._metrics.in_work(entry, change)

    def ended(self, lookup: Ended) -> None:
        """See Observer."""
        self._log.ended(lookup)
        self._metrics.ended(lookup)
        self._traces.ended(lookup)

    def step(self, name: str, seconds: float) -> None:
        """See Observer."""
        self._metrics.step(name, seconds)

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        """See Observer."""
        self._metrics.provider_called(provider, outcome, seconds)

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        """See Observer."""
        self._metrics.provider_closed(provider, why, seconds)
        name = "provider_closed" if seconds else "provider_open"
        self._log.event(name, {"provider": provider, "why": why, "seconds": seconds}, logging.WARNING)

    def moved(self, queue: str, reason: str) -> None:
        """See Observer."""
        self._metrics.moved(queue)
        if queue in ("dead", "unrouted"):
            # Somebody has to look at these.
            self._log.event("moved", {"queue": queue, "reason": reason}, logging.WARNING)

    def waiting(self, reason: str, count: int) -> None:
        """See Observer."""
        self._metrics.waiting(reason, count)

    def event(self, name: str, /, **facts: str | float) -> None:
        """See Observer."""
        self._log.event(name, facts, logging.WARNING if name in _WARNINGS else logging.INFO)

    def trouble(self, where: str, error: BaseException) -> None:
        """See Observer."""
        self._log.trouble(where, error)
        self._metrics.trouble()

    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        """See Observer."""
        return self._traces.span(name, traceparent, ago)


@contextmanager
def start(name: str, level: str, stream: TextIO | None = None) -> Iterator[Telemetry]:
    """The telemetry of this process while the context lasts: once a process, entered after any fork.

    `name`: of the service; `level`: as in LOG_LEVEL; `stream`: where the log goes, standard error
    unless given. All other loggers of the process are taken over meanwhile. Traces are switched on
    by OpenTelemetry's environment variables.
    """
    stream = stream or sys.stderr
    numbers = Metrics(version(DISTRIBUTION))

    def gap(count: int) -> None:
        # The lines' own thread says so, once lines were lost: so there is a log.
        log.event("lines_lost", {"count": count}, logging.WARNING)

    with closing(Lines(stream, gap)) as lines:
        numbers.lines_lost(lambda: lines.lost)
        log = Log(name, level, lines, time.time, coloured=stream.isatty())

        def untraced(variable: str) -> None:
            log.event("untraced", {"variable": variable}, logging.WARNING)

        with foreign.taken_over(log), tracing(name, os.environ, untraced) as traces:
            yield Telemetry(log, numbers, traces)
