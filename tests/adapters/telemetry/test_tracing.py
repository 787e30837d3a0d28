"""One trace from the client's event through the queue to the tax service; and nothing at all when it is off."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from adapters.telemetry import Telemetry, start
from adapters.telemetry.tracing import WrongTracing, exporters
from function.telemetry import LookupEvent
from tests.collector import Collector

CLIENT_TRACE, CLIENT_SPAN = "5a" * 16, "6b" * 8
CLIENT = f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01"


def _accept(telemetry: Telemetry) -> str:
    with telemetry.span("consume request", CLIENT), telemetry.span("publish lookup") as traceparent:
        return traceparent


def _fetch(telemetry: Telemetry, traceparent: str) -> None:
    def ask() -> None:
        with telemetry.span("ask nalog"):
            pass

    with telemetry.span("consume lookup", traceparent) as own, ThreadPoolExecutor(1) as threads:
        threads.submit(copy_context().run, ask).result()
        telemetry.lookup(LookupEvent("rabbitmq", "r-1", "found", False, "nalog", 1, 2, own))


def test_one_trace_leads_from_the_client_through_the_queue_to_the_tax_service(collector: Collector) -> None:
    with start("fast", "INFO", io.StringIO()) as telemetry:
        traceparent = _accept(telemetry)
    with start("slow", "INFO", io.StringIO()) as telemetry:
        _fetch(telemetry, traceparent)

    spans = collector.spans
    path = ["consume request", "publish lookup", "consume lookup", "ask nalog"]
    kinds = [Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_CLIENT]
    assert set(spans) == set(path)
    assert {span.trace_id.hex() for span in spans.values()} == {CLIENT_TRACE}
    parents = [CLIENT_SPAN, *(spans[name].span_id.hex() for name in path[:-1])]
    assert [spans[name].parent_span_id.hex() for name in path] == parents
    assert [spans[name].kind for name in path] == kinds


def test_a_span_says_how_its_request_ended_and_not_who_it_was_about(collector: Collector) -> None:
    with start("slow", "INFO", io.StringIO()) as telemetry:
        _fetch(telemetry, CLIENT)

    attributes = {each.key: each.value for each in collector.spans["consume lookup"].attributes}
    assert {key: value.WhichOneof("value") for key, value in attributes.items()} == {
        "inn.entry": "string_value",
        "inn.status": "string_value",
        "inn.provider": "string_value",
        "inn.cached": "bool_value",
        "inn.attempt": "int_value",
    }
    assert attributes["inn.status"].string_value == "found"
    assert not collector.spans["ask nalog"].attributes


def test_a_span_takes_no_notice_of_another_request(collector: Collector) -> None:
    with start("fast", "INFO", io.StringIO()) as telemetry, telemetry.span("consume batch"):
        telemetry.lookup(LookupEvent("rabbitmq", "r-1", "found", True, "nalog", 1, 1, CLIENT))

    assert not collector.spans["consume batch"].attributes


def test_an_error_is_marked_by_its_type_alone(collector: Collector) -> None:
    with (
        start("inn", "INFO", io.StringIO()) as telemetry,
        pytest.raises(ValueError, match="Иванов"),
        telemetry.span("ask nalog"),
    ):
        raise ValueError("Иванов")

    span = collector.spans["ask nalog"]
    assert [(each.key, each.value.string_value) for each in span.attributes] == [("error.type", "ValueError")]
    assert (span.status.code, span.status.message, len(span.events)) == (2, "", 0)


def test_a_trace_begins_here_where_the_client_has_none(collector: Collector) -> None:
    with start("inn", "INFO", io.StringIO()) as telemetry, telemetry.span("serve request", "") as traceparent:
        version, trace_id, span_id, flags = traceparent.split("-")

    span = collector.spans["serve request"]
    assert (version, int(flags, 16) & 1) == ("00", 1)
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id) == (trace_id, span_id, b"")


def test_what_the_client_does_not_want_sampled_is_handed_on_and_not_sent(collector: Collector) -> None:
    with start("inn", "INFO", io.StringIO()) as telemetry, telemetry.span("serve", f"{CLIENT[:-2]}00") as traceparent:
        pass

    assert traceparent[:35] == CLIENT[:35]
    assert traceparent.endswith("-00")
    assert collector.bodies == []


ENVIRONMENTS: dict[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "nothing is set": ({}, ()),
    "an endpoint is named": ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ("otlp",)),
    "an endpoint for traces is named": ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318"}, ("otlp",)),
    "the exporter is named": ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
    "two exporters are named": ({"OTEL_TRACES_EXPORTER": "otlp, console"}, ("otlp", "console")),
    "none is wanted": ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ()),
    "all is off": ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, ()),
    "variables that are empty": (
        {"OTEL_TRACES_EXPORTER": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": ""},
        ("otlp",),
    ),
    "an endpoint that is empty": ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, ()),
    "our protocol": ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("otlp",)),
}


@pytest.mark.parametrize(("environ", "expected"), ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys())
def test_the_standard_variables_switch_it_on(environ: Mapping[str, str], expected: tuple[str, ...]) -> None:
    assert exporters(environ) == expected


WRONG: dict[str, tuple[Mapping[str, str], str]] = {
    "an exporter that is not here": ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
    "a protocol that is not here": (
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ),
}


def works_untraced(environ: Mapping[str, str], variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with these variables works, passes the client's trace on, and has said which one is wrong."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    with start("inn", "INFO", stream) as telemetry, telemetry.span("serve", CLIENT) as traceparent:
        assert traceparent == CLIENT

    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["variable"]) == ("tracing_off", "warning", variable)


@pytest.mark.parametrize(("environ", "variable"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_variable_is_named_and_stops_nothing(
    environ: Mapping[str, str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_untraced(environ, variable, monkeypatch)
    with pytest.raises(WrongTracing, match=variable):
        exporters(environ)


REFUSED: dict[str, tuple[Mapping[str, str], str]] = {
    "one that it names": ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    "one that it does not name": ({"OTEL_BSP_MAX_QUEUE_SIZE": "10"}, "OTEL_"),
}


@pytest.mark.parametrize(("environ", "variable"), REFUSED.values(), ids=REFUSED.keys())
def test_a_variable_that_opentelemetry_does_not_take_stops_nothing(
    environ: Mapping[str, str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_untraced({"OTEL_TRACES_EXPORTER": "otlp", **environ}, variable, monkeypatch)


@pytest.mark.usefixtures("collector")
def test_an_error_of_the_work_is_not_taken_for_one_of_tracing() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="work"), start("inn", "INFO", stream):
        raise ValueError("work")

    assert stream.getvalue() == ""


OFF = """
import sys
from adapters.telemetry import start
with start("inn", "INFO") as telemetry, telemetry.span("serve", "00-x") as traceparent:
    assert traceparent == "00-x"
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


def test_off_it_is_not_even_loaded() -> None:
    done: Any = subprocess.run([sys.executable, "-c", OFF], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
