"""The Observer of a process: its log, its spans, and its Prometheus metrics, in a registry of their own.

The metrics have few and known label values.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from itertools import product
from time import monotonic
from typing import Any, TextIO, TypeVar

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from typing_extensions import override

from adapters.telemetry.log_allow_list import OTHER
from adapters.telemetry.log_handler import Log
from function import telemetry as known
from function.rate_limit import DenialReason
from function.telemetry import LookupEvent, Observer

DISTRIBUTION = "inn-service"
# Seconds: an answer from memory takes a fraction of a millisecond, one from the tax service up to a minute.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CACHED = {True: "true", False: "false"}
_WARNINGS = frozenset(
    {"consent_needed", "open_to_everybody", "queue_full", "reconnecting"}
    | {"server_reached", "server_unreachable", "store_available", "store_unavailable"}
)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

M = TypeVar("M", Counter, Gauge, Histogram)


class Family(dict[tuple[str, ...], M]):
    """A metric's children by label values, cached because `labels()` takes a lock and a microsecond.

    A value that is not known becomes "other", so that clients cannot add series.
    """

    def __init__(
        self, registry: CollectorRegistry, kind: type[M], name: str, text: str, **labels: Iterable[str]
    ) -> None:
        super().__init__()
        buckets: dict[str, Any] = {"buckets": _BUCKETS} if kind.__name__ == "Histogram" else {}
        self._metric: M = kind(f"inn_{name}", text, tuple(labels), registry=registry, **buckets)
        self._known = [frozenset(map(str, values)) for values in labels.values()]

    def __missing__(self, values: tuple[str, ...]) -> M:
        labels = (str(value) if value in known else OTHER for known, value in zip(self._known, values, strict=True))
        # Only known values are keys, or unknown ones would fill the memory.
        return self.setdefault(key := tuple(labels), self._metric.labels(*key))


class Telemetry(Observer):
    """An Observer that logs, counts, measures and opens spans. `clock`: monotonic seconds."""

    def __init__(self, log: Log, spans: Observer | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.log = log
        self._spans = spans
        self._clock = clock
        # Otherwise each series has a second one, with its creation time.
        disable: Callable[[], None] = prometheus.disable_created_metrics
        disable()
        self._registry = registry = CollectorRegistry()
        family = partial(Family, registry)
        entry, cached = {"entry": known.ENTRIES}, {"cached": _CACHED.values()}
        provider = {"provider": known.PROVIDERS}
        text = "Requests that ended or were put off."
        self._requests = family(Counter, "requests", text, **entry, status=known.STATUSES, **cached)
        text = "Seconds of processing a request."
        self._request_seconds = family(Histogram, "request_seconds", text, **entry, **cached)
        self._in_flight = family(Gauge, "in_flight", "Requests being processed.", **entry)
        self._ready = family(Gauge, "ready", "1: the readiness check passes; 0: it fails.", check=known.CHECKS)
        self._step_seconds = family(Histogram, "step_seconds", "Seconds of a step of a lookup.", step=known.STEPS)
        self._calls = family(Counter, "provider_calls", "Requests to a provider.", **provider, outcome=known.OUTCOMES)
        text = "Seconds of a request to a provider."
        self._call_seconds = family(Histogram, "provider_call_seconds", text, **provider)
        text = "Seconds until the provider may be asked again, by why it is closed; 0: open."
        self._closed = family(Gauge, "provider_closed_seconds", text, **provider, reason=DenialReason)
        text = "Messages moved: lookup (not cached), retry (tried again later), dead (parked), unrouted (reply)."
        self._moves = family(Counter, "queue_moves", text, queue=known.QUEUES)
        text = "Tries after which a message is held for the next one."
        self._holds = family(Counter, "holds", text, reason=known.HOLD_REASONS)
        self._errors = Counter("inn_errors", "Unexpected errors; the log has their places.", registry=registry)
        self._lost = Counter("inn_log_lines_lost", "Log lines that were not written.", registry=registry)
        build = Gauge("inn_build_info", "1, labelled by the version that runs.", ("version",), registry=registry)
        build.labels(version(DISTRIBUTION)).set(1)
        for collector in (prometheus.ProcessCollector, prometheus.PlatformCollector, prometheus.GCCollector):
            collector(registry=registry)
        # For alerts: the first event of a series that did not exist is no increase.
        for queue in known.QUEUES:
            self._moves[queue,].inc(0)
        for reason in known.HOLD_REASONS:
            self._holds[reason,].inc(0)
        for series in product(known.ENTRIES, known.STATUSES, ("false",)):
            self._requests[series].inc(0)

    def exposition(self) -> bytes:
        """The reply of `/metrics`."""
        # Counted by the log: a garbage collection within a counter's lock may log.
        self._lost.reset()
        self._lost.inc(self.log.dropped)
        return generate_latest(self._registry)

    def record_check(self, name: str, *, ready: bool) -> None:
        """Set the gauge of one of CHECKS."""
        self._ready[name,].set(ready)

    @override
    def in_flight(self, entry: str, change: int) -> None:
        self._in_flight[entry,].inc(change)

    @override
    def lookup(self, event: LookupEvent) -> None:
        cached = _CACHED[event.cached]
        self._requests[event.entry, event.status, cached].inc()
        self._request_seconds[event.entry, cached].observe(event.seconds)
        self.log.lookup(event)
        if self._spans:
            self._spans.lookup(event)

    @override
    def step(self, name: str, seconds: float) -> None:
        self._step_seconds[name,].observe(seconds)

    @override
    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        self._calls[provider, outcome].inc()
        self._call_seconds[provider,].observe(seconds)

    @override
    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        # One reason at a time; the other reasons' series become zero.
        for (closed, _), gauge in list(self._closed.items()):
            if closed in (provider, OTHER):
                gauge.set_function(float)
        if seconds:
            until = self._clock() + seconds
            self._closed[provider, why].set_function(lambda: max(0.0, until - self._clock()))
        name = "provider_closed" if seconds else "provider_open"
        self.log.event(logging.WARNING, name, {"provider": provider, "reason": why, "seconds": seconds})

    @override
    def message_moved(self, queue: str, reason: str) -> None:
        # The reason is the request's status, which is counted already.
        self._moves[queue,].inc()
        if queue in ("dead", "unrouted"):
            # An operator has to look at these.
            self.log.event(logging.WARNING, "message_moved", {"queue": queue, "reason": reason})

    @override
    def held(self, reason: str, count: int) -> None:
        self._holds[reason,].inc(count)

    @override
    def event(self, name: str, /, **facts: str | float) -> None:
        self.log.event(logging.WARNING if name in _WARNINGS else logging.INFO, name, facts)

    @override
    def error(self, where: str, error: BaseException) -> None:
        self._errors.inc()
        self.log.error(where, error)

    @override
    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        return self._spans.span(name, traceparent, ago) if self._spans else nullcontext(traceparent)


@contextmanager
def start(name: str, level: str, stream: TextIO | None = None) -> Iterator[Telemetry]:
    """The telemetry of this process within the context: once a process, entered after any fork.

    `name`: of the service; `level`: as in LOG_LEVEL; `stream`: of the log, default standard error. It captures all
    other loggers of the process. OpenTelemetry's environment variables switch traces on; a wrong one of them is logged,
    and only switches traces off.
    """
    log = Log(name, logging.getLevelNamesMapping()[level], stream or sys.stderr)
    with log.writing(), log.capturing(), ExitStack() as stack:
        spans: Observer | None = None
        try:
            if is_tracing_wanted(os.environ):
                from adapters.telemetry.spans import open_spans  # noqa: PLC0415  # its import takes 0.25 s

                spans = stack.enter_context(open_spans(name))
        except ValueError as fault:
            # Not all of OpenTelemetry's texts name the variable, and they may contain its value.
            named = [each for each in os.environ if each.startswith("OTEL_") and each in str(fault)]
            log.event(logging.WARNING, "tracing_off", {"variable": max(named, key=len, default="OTEL_")})
        yield Telemetry(log, spans)


def is_tracing_wanted(environ: Mapping[str, str]) -> bool:
    """Whether an exporter or an endpoint is set, and tracing is not switched off. Raises ValueError with a variable's name."""
    # OpenTelemetry treats an empty variable as unset.
    exporter = environ.get("OTEL_TRACES_EXPORTER") or ("otlp" if any(map(environ.get, _ENDPOINTS)) else "none")
    if exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if exporter != "otlp":
        raise ValueError("OTEL_TRACES_EXPORTER")
    for variable in _PROTOCOLS:
        if environ.get(variable) not in (None, "", "http/protobuf"):
            raise ValueError(variable)
    return True
