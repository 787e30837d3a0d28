"""The numbers of one process, for Prometheus: its own registry, bounded labels, children looked up in one step."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector
from prometheus_client import ProcessCollector as ProcessOwn
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.telemetry.words import Words
from function.rate_limit import Why
from function.telemetry import ENTRIES, OUTCOMES, PARTS, PROVIDERS, QUEUES, STATUSES, STEPS, WAITS, Ended

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

# Seconds: an answer from memory takes a fraction of a millisecond, one from the tax service up to a minute.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CACHED = {True: "true", False: "false"}

M = TypeVar("M", Counter, Gauge, Histogram)


class _Family(Generic[M]):
    """One metric: its children by label values. `labels()` of the library takes a lock and a microsecond."""

    def __init__(self, metric: M, *words: Words) -> None:
        self._metric: M = metric
        self._words = words
        self._children: dict[tuple[str, ...], M] = {}

    def __call__(self, *values: str) -> M:
        child = self._children.get(values)
        return self._new(values) if child is None else child

    def _new(self, values: tuple[str, ...]) -> M:
        known = tuple(words.known(value) for words, value in zip(self._words, values, strict=True))
        child: M = self._metric.labels(*known)
        # Kept under bounded values only, or the unknown ones would fill the memory.
        self._children[known] = child
        return child


class _Registry(CollectorRegistry):
    """Without the time of each series' beginning, which would double their number."""

    def collect(self) -> Iterator[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _ClosedProviders(Collector):
    """Seconds until each provider opens; the gauge runs down by itself."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._providers = Words(*PROVIDERS)
        self._whys = Words(*Why)
        self._until: dict[str, dict[str, float]] = {}

    def closed(self, provider: str, why: str, seconds: float) -> None:
        # One reason at a time; those before it stay as zeroes, so that their series end.
        name = self._providers.known(provider)
        past = dict.fromkeys(self._until.get(name, {}), 0.0)
        self._until[name] = {**past, self._whys.known(why): self._monotonic() + seconds} if seconds else past

    def collect(self) -> Iterable[Metric]:
        now = self._monotonic()
        gauge = GaugeMetricFamily(
            "inn_provider_closed_seconds",
            "Seconds until the provider may be asked again, by why it is shut; 0: open.",
            labels=("provider", "why"),
        )
        for provider, whys in self._until.copy().items():
            for why, until in whys.items():
                gauge.add_metric((provider, why), max(0.0, until - now))
        yield gauge


class _LostLines(Collector):
    """Log lines that were not written. The log counts them: a garbage collection within a counter's lock may log."""

    def __init__(self) -> None:
        self.count: Callable[[], int] = lambda: 0

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily("inn_log_lines_lost", "Log lines not written.", self.count())


class Metrics:
    """All metrics of one process. Every method may be called from any thread."""

    def __init__(self, version: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._registry = _Registry()
        entries, statuses, cached = Words(*ENTRIES), Words(*STATUSES), Words(*_CACHED.values())
        providers = Words(*PROVIDERS)
        self._requests = self._counter(
            "inn_requests", "Requests that ended or were put off.", entry=entries, status=statuses, cached=cached
        )
        self._request_seconds = self._histogram(
            "inn_request_seconds", "Seconds of one processing of a request.", entry=entries, cached=cached
        )
        self._in_flight = self._gauge("inn_in_flight", "Requests in work now.", entry=entries)
        self._ready = self._gauge(
            "inn_ready", "1: the part is ready, as /readyz has it; 0: it is not.", part=Words(*PARTS)
        )
        self._step_seconds = self._histogram("inn_step_seconds", "Seconds of a lookup's step.", step=Words(*STEPS))
        self._calls = self._counter(
            "inn_provider_calls", "Requests to a provider, by outcome.", provider=providers, outcome=Words(*OUTCOMES)
        )
        self._call_seconds = self._histogram("inn_provider_call_seconds", "Seconds of them.", provider=providers)
        self._moves = self._counter(
            "inn_queue_moves",
            "Messages moved: lookup (not cached), retry (tried again later), dead (parked), unrouted (reply).",
            queue=Words(*QUEUES),
        )
        self._waits = self._counter(
            "inn_waits", "Tries after which a message waits in hand for the next, by reason.", reason=Words(*WAITS)
        )
        self._troubles = Counter("inn_troubles", "Bugs and faults; the log tells where.", registry=self._registry)
        self._lost_lines = _LostLines()
        self._closed = _ClosedProviders(monotonic)
        for collector in (self._lost_lines, self._closed):
            self._registry.register(collector)
        self._register_own(version)
        self._begin()

    def looked(self, part: str, *, ready: bool) -> None:
        """A part was looked at."""
        self._ready(part).set(ready)

    def in_work(self, entry: str, change: int) -> None:
        """See Observer."""
        self._in_flight(entry).inc(change)

    def ended(self, lookup: Ended) -> None:
        """See Observer."""
        cached = _CACHED[lookup.cached]
        self._requests(lookup.entry, lookup.status, cached).inc()
        self._request_seconds(lookup.entry, cached).observe(lookup.seconds)

    def step(self, name: str, seconds: float) -> None:
        """See Observer."""
        self._step_seconds(name).observe(seconds)

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        """See Observer."""
        self._calls(provider, outcome).inc()
        self._call_seconds(provider).observe(seconds)

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        """See Observer."""
        self._closed.closed(provider, why, seconds)

    def moved(self, queue: str) -> None:
        """See Observer. The reason is the request's status, which is counted already."""
        self._moves(queue).inc()

    def waiting(self, reason: str, count: int) -> None:
        """See Observer."""
        self._waits(reason).inc(count)

    def trouble(self) -> None:
        """See Observer."""
        self._troubles.inc()

    def lines_lost(self, count: Callable[[], int]) -> None:
        """`count` says how many log lines could not be written until now."""
        self._lost_lines.count = count

    def exposition(self) -> bytes:
        """What `/metrics` answers, of CONTENT_TYPE."""
        return generate_latest(self._registry)

    def _begin(self) -> None:
        """Series that alerts watch begin at 0: the first event of one that did not exist would be no increase."""
        for queue in QUEUES:
            self._moves(queue)
        for reason in WAITS:
            self._waits(reason)
        for entry in ENTRIES:
            for status in STATUSES:
                self._requests(entry, status, "false")

    def _counter(self, name: str, text: str, **labels: Words) -> _Family[Counter]:
        return _Family(Counter(name, text, tuple(labels), registry=self._registry), *labels.values())

    def _gauge(self, name: str, text: str, **labels: Words) -> _Family[Gauge]:
        return _Family(Gauge(name, text, tuple(labels), registry=self._registry), *labels.values())

    def _histogram(self, name: str, text: str, **labels: Words) -> _Family[Histogram]:
        histogram: Any = Histogram(name, text, tuple(labels), registry=self._registry, buckets=_BUCKETS)
        return _Family(histogram, *labels.values())

    def _register_own(self, version: str) -> None:
        for own in (ProcessOwn, PlatformCollector, GCCollector):
            own(registry=self._registry)
        build = Gauge("inn_build_info", "1, labelled by the version that runs.", ("version",), registry=self._registry)
        build.labels(version).set(1)
