"""The numbers: each report has its series, and no series is made of what is sent to us."""

import io
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry import Telemetry, start
from adapters.telemetry.metrics import Metrics
from function.outcomes import Reason, Status
from function.rate_limit import DenialReason
from function.telemetry import CHECKS, ENTRIES, HOLD_REASONS, PROVIDERS, QUEUES, STATUSES, STEPS, LookupEvent

Series = tuple[str, frozenset[tuple[str, str]]]


def _samples(exposition: bytes) -> dict[Series, float]:
    families = text_string_to_metric_families(exposition.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value for each in families for sample in each.samples
    }


def _series(name: str, **labels: str) -> Series:
    return name, frozenset(labels.items())


def _ended(status: str = Status.FOUND, *, cached: bool = False, seconds: float = 0.2) -> LookupEvent:
    return LookupEvent("http", "r-1", status, cached, "nalog", seconds)


def case(title: str, act: Callable[[Metrics], object], value: float, name: str, **labels: str) -> Any:
    return pytest.param(act, _series(name, **labels), value, id=title)


CASES = [
    case("a request, by entry and status", lambda metrics: metrics.lookup(_ended()), 1, "inn_requests_total", entry="http", status="found", cached="false"),
    case("an answer from the cache, for the hit ratio", lambda metrics: metrics.lookup(_ended(cached=True)), 1, "inn_requests_total", entry="http", status="found", cached="true"),
    case("a request put off, by its reason", lambda metrics: metrics.lookup(_ended(Reason.STORE_UNAVAILABLE)), 1, "inn_requests_total", entry="http", status="store_unavailable", cached="false"),
    case("a request's seconds", lambda metrics: metrics.lookup(_ended(seconds=0.2)), 0.2, "inn_request_seconds_sum", entry="http", cached="false"),
    case("a request's seconds, as a histogram", lambda metrics: metrics.lookup(_ended(seconds=0.2)), 1, "inn_request_seconds_bucket", entry="http", cached="false", le="0.25"),
    case("a step's seconds", lambda metrics: metrics.step("find", 0.001), 1, "inn_step_seconds_bucket", step="find", le="0.001"),
    case("a provider's call, by outcome", lambda metrics: metrics.provider_called("nalog", Reason.BAD_REPLY, 1), 1, "inn_provider_calls_total", provider="nalog", outcome="bad_reply"),
    case("a provider's seconds", lambda metrics: metrics.provider_called("nalog", Status.FOUND, 1.5), 1.5, "inn_provider_call_seconds_sum", provider="nalog"),
    case("a message moved for a retry", lambda metrics: metrics.message_moved("retry", "failed"), 1, "inn_queue_moves_total", queue="retry"),
    case("messages that wait, by their reason", lambda metrics: metrics.held(Reason.STORE_UNAVAILABLE, 64), 64, "inn_holds_total", reason="store_unavailable"),
    case("a check that passes", lambda metrics: metrics.record_check("store", ready=True), 1, "inn_ready", check="store"),
    case("a check that fails", lambda metrics: metrics.record_check("store", ready=False), 0, "inn_ready", check="store"),
    case("what is in work", lambda metrics: deque(map(metrics.in_flight, ("rabbitmq",) * 2, (64, -60))), 4, "inn_in_flight", entry="rabbitmq"),
    case("an error", lambda metrics: metrics.error("consumer", ValueError()), 1, "inn_errors_total"),
    case("the version that runs", Metrics.exposition, 1, "inn_build_info", version="1.2.3"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "series", "value"), CASES)
def test_a_report_has_its_series(act: Callable[[Metrics], object], series: Series, value: float) -> None:
    metrics = Metrics("1.2.3")
    act(metrics)
    assert _samples(metrics.exposition())[series] == value


def test_log_lines_that_were_not_written_are_counted_by_the_log() -> None:
    dropped = [0]
    metrics = Metrics("1.2.3", lambda: dropped[0])
    for dropped[0] in (0, 1, 1, 3):
        assert _samples(metrics.exposition())[_series("inn_log_lines_lost_total")] == dropped[0]


def test_a_closed_provider_opens_as_time_goes_by() -> None:
    now = [100.0]
    metrics = Metrics("1.2.3", monotonic=lambda: now[0])
    cooling = _series("inn_provider_closed_seconds", provider="nalog", reason=DenialReason.COOLING_DOWN)
    limit = _series("inn_provider_closed_seconds", provider="nalog", reason=DenialReason.DAILY_LIMIT)
    seen = []

    def look() -> None:
        samples = _samples(metrics.exposition())
        seen.append((samples.get(cooling), samples.get(limit)))

    look()
    metrics.provider_closed("nalog", DenialReason.COOLING_DOWN, 20)
    look()
    now[0] = 115
    look()
    metrics.provider_closed("nalog", DenialReason.DAILY_LIMIT, 3600)
    look()
    metrics.provider_closed("nalog", "", 0)
    look()
    now[0] = 9999
    look()
    assert seen == [(None, None), (20, None), (5, None), (0, 3600), (0, 0), (0, 0)]


UNKNOWN: dict[str, Callable[[Telemetry, str], None]] = {
    "inn_requests_total": lambda telemetry, word: telemetry.lookup(LookupEvent(word, word, word, False, word, 0)),
    "inn_step_seconds_count": lambda telemetry, word: telemetry.step(word, 0),
    "inn_provider_calls_total": lambda telemetry, word: telemetry.provider_called(word, word, 0),
    "inn_provider_closed_seconds": lambda telemetry, word: telemetry.provider_closed(word, word, 9),
    "inn_queue_moves_total": lambda telemetry, word: telemetry.message_moved(word, word.upper()),
    "inn_holds_total": lambda telemetry, word: telemetry.held(word, 1),
    "inn_ready": lambda telemetry, word: telemetry.record_check(word, ready=True),
    "inn_in_flight": lambda telemetry, word: telemetry.in_flight(word, 1),
}


@pytest.mark.parametrize(("name", "act"), UNKNOWN.items(), ids=UNKNOWN.keys())
def test_what_is_not_known_is_counted_as_other(name: str, act: Callable[[Telemetry, str], None]) -> None:
    with start("inn", "ERROR", io.StringIO()) as telemetry:
        before = _samples(telemetry.exposition())
        for number in range(300):
            act(telemetry, f"word_{number}")
        after = _samples(telemetry.exposition())

    (series,) = [labels for each, labels in after if each == name and (each, labels) not in before]
    assert {value for label, value in series if label != "cached"} == {"other"}


def test_every_word_of_the_vocabulary_is_counted_as_itself() -> None:
    metrics = Metrics("1.2.3")
    for entry in ENTRIES:
        for status in STATUSES:
            metrics.lookup(LookupEvent(entry, "r-1", status, False, "", 0))
    for step in STEPS:
        metrics.step(step, 0)
    for provider in PROVIDERS:
        metrics.provider_called(provider, Status.FOUND, 0)
    for queue in QUEUES:
        metrics.message_moved(queue, "failed")
    for reason in HOLD_REASONS:
        metrics.held(reason, 1)
    for part in CHECKS:
        metrics.record_check(part, ready=True)
    assert not any(value == "other" for _, labels in _samples(metrics.exposition()) for _, value in labels)


def test_what_alerts_watch_begins_at_zero() -> None:
    samples = _samples(Metrics("1.2.3").exposition())
    watched = [
        _series("inn_requests_total", entry="rabbitmq", status="failed", cached="false"),
        _series("inn_requests_total", entry="http", status="internal_error", cached="false"),
        _series("inn_queue_moves_total", queue="dead"),
        _series("inn_holds_total", reason="store_unavailable"),
        _series("inn_errors_total"),
        _series("inn_log_lines_lost_total"),
    ]
    assert [samples[series] for series in watched] == [0] * 6


def test_two_processes_worth_of_metrics_share_nothing() -> None:
    first, second = Metrics("1.2.3"), Metrics("1.2.3")
    first.step("find", 1)
    assert _series("inn_step_seconds_count", step="find") in _samples(first.exposition())
    assert _series("inn_step_seconds_count", step="find") not in _samples(second.exposition())


def test_the_process_tells_of_itself() -> None:
    names = {name for name, _ in _samples(Metrics("1.2.3").exposition())}
    process = ("resident_memory_bytes", "cpu_seconds_total", "open_fds", "start_time_seconds")
    assert {*(f"process_{name}" for name in process), "python_gc_collections_total", "python_info"} <= names
    assert not {name for name in names if name.endswith("_created")}
