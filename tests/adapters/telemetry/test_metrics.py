"""The numbers: each report has its series, and no series is made of what is sent to us."""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry import Telemetry
from adapters.telemetry.log_handler import Log
from function.outcomes import Reason, Status
from function.rate_limit import DenialReason
from function.telemetry import CHECKS, ENTRIES, HOLD_REASONS, OUTCOMES, PROVIDERS, QUEUES, STATUSES, STEPS, LookupEvent

Series = tuple[str, frozenset[tuple[str, str]]]
UNWRITTEN = Log("inn", logging.INFO, sys.stderr)


def _samples(exposition: bytes) -> dict[Series, float]:
    families = text_string_to_metric_families(exposition.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value for each in families for sample in each.samples
    }


def _series(name: str, **labels: str) -> Series:
    return name, frozenset(labels.items())


def _ended(status: str = Status.FOUND, *, cached: bool = False, seconds: float = 0.2) -> LookupEvent:
    return LookupEvent("http", "r-1", status, cached, "nalog", seconds)


def case(title: str, act: Callable[[Telemetry], object], value: float, name: str, **labels: str) -> Any:
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
    case("the version that runs", Telemetry.exposition, 1, "inn_build_info", version=version("inn-service")),
]  # fmt: skip


@pytest.mark.parametrize(("act", "series", "value"), CASES)
def test_a_report_has_its_series(act: Callable[[Telemetry], object], series: Series, value: float) -> None:
    metrics = Telemetry(UNWRITTEN)
    act(metrics)
    assert _samples(metrics.exposition())[series] == value


def test_log_lines_that_were_not_written_are_counted_by_the_log() -> None:
    log = Log("inn", logging.INFO, sys.stderr)
    metrics = Telemetry(log)
    for log.dropped in (0, 1, 1, 3):
        assert _samples(metrics.exposition())[_series("inn_log_lines_lost_total")] == log.dropped


def test_a_closed_provider_opens_as_time_goes_by() -> None:
    now = [100.0]
    metrics = Telemetry(UNWRITTEN, clock=lambda: now[0])
    series = [
        _series("inn_provider_closed_seconds", provider="nalog", reason=reason)
        for reason in (DenialReason.COOLING_DOWN, DenialReason.DAILY_LIMIT)
    ]

    def seen() -> list[float | None]:
        return [_samples(metrics.exposition()).get(each) for each in series]

    assert seen() == [None, None]
    metrics.provider_closed("nalog", DenialReason.COOLING_DOWN, 20)
    assert seen() == [20, None]
    now[0] = 115
    assert seen() == [5, None]
    metrics.provider_closed("nalog", DenialReason.DAILY_LIMIT, 3600)
    assert seen() == [0, 3600]
    metrics.provider_closed("nalog", "", 0)
    assert seen() == [0, 0]
    now[0] = 9999
    assert seen() == [0, 0]


def _lookup(entry: str, status: str) -> LookupEvent:
    return LookupEvent(entry, "r-1", status, False, "", 0)


WORDS: list[tuple[str, str, Iterable[str], Callable[[Telemetry, str], None]]] = [
    ("inn_requests_total", "entry", ENTRIES, lambda metrics, word: metrics.lookup(_lookup(word, "found"))),
    ("inn_requests_total", "status", STATUSES, lambda metrics, word: metrics.lookup(_lookup("http", word))),
    ("inn_step_seconds_count", "step", STEPS, lambda metrics, word: metrics.step(word, 0)),
    ("inn_provider_calls_total", "provider", PROVIDERS, lambda metrics, word: metrics.provider_called(word, "found", 0)),
    ("inn_provider_calls_total", "outcome", OUTCOMES, lambda metrics, word: metrics.provider_called("nalog", word, 0)),
    ("inn_provider_closed_seconds", "provider", PROVIDERS, lambda metrics, word: metrics.provider_closed(word, "pace", 9)),
    ("inn_provider_closed_seconds", "reason", DenialReason, lambda metrics, word: metrics.provider_closed("nalog", word, 9)),
    ("inn_queue_moves_total", "queue", QUEUES, lambda metrics, word: metrics.message_moved(word, word.upper())),
    ("inn_holds_total", "reason", HOLD_REASONS, lambda metrics, word: metrics.held(word, 1)),
    ("inn_ready", "check", CHECKS, lambda metrics, word: metrics.record_check(word, ready=True)),
    ("inn_in_flight", "entry", ENTRIES, lambda metrics, word: metrics.in_flight(word, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "label", "words", "report"), WORDS)
def test_a_word_of_the_vocabulary_is_counted_as_itself_and_any_other_as_other(
    name: str, label: str, words: Iterable[str], report: Callable[[Telemetry, str], None]
) -> None:
    metrics = Telemetry(UNWRITTEN)
    for word in (*words, *(f"word_{number}" for number in range(300))):
        report(metrics, word)
    series = [dict(labels) for each, labels in _samples(metrics.exposition()) if each == name]
    assert {labels[label] for labels in series} == {*words, "other"}


def test_what_alerts_watch_begins_at_zero() -> None:
    samples = _samples(Telemetry(UNWRITTEN).exposition())
    watched = [
        _series("inn_requests_total", entry="rabbitmq", status="failed", cached="false"),
        _series("inn_requests_total", entry="http", status="internal_error", cached="false"),
        _series("inn_queue_moves_total", queue="dead"),
        _series("inn_holds_total", reason="store_unavailable"),
        _series("inn_errors_total"),
        _series("inn_log_lines_lost_total"),
    ]
    assert [samples[series] for series in watched] == [0] * 6


def test_the_process_tells_of_itself() -> None:
    names = {name for name, _ in _samples(Telemetry(UNWRITTEN).exposition())}
    process = ("resident_memory_bytes", "cpu_seconds_total", "open_fds", "start_time_seconds")
    assert {*(f"process_{name}" for name in process), "python_gc_collections_total", "python_info"} <= names
    assert not {name for name in names if name.endswith("_created")}
