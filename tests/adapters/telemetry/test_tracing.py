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
from adapters.telemetry.observer import is_tracing_wanted
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


def test_one_trace_leads_from_the_client_through_the_queue_to_the_tax_service_and_says_how_the_request_ended(
    collector: Collector,
) -> None:
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
    attributes = {name: {each.key: each.value for each in span.attributes} for name, span in spans.items()}
    own = attributes.pop("consume lookup")
    words = {f"inn.{name}": own[f"inn.{name}"].string_value for name in ("entry", "status", "provider")}
    assert words == {"inn.entry": "rabbitmq", "inn.status": "found", "inn.provider": "nalog"}
    assert own.keys() - words == {"inn.cached", "inn.attempt"}
    assert not any(attributes.values())


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


EXPORTER, ENDPOINT = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
URL = "http://collector:4318"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, False, id="nothing is set"),
        pytest.param({ENDPOINT: URL}, True, id="an endpoint is named"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": URL}, True, id="an endpoint for traces is named"),
        pytest.param({EXPORTER: "otlp"}, True, id="the exporter is named"),
        pytest.param({EXPORTER: "none", ENDPOINT: URL}, False, id="none is wanted"),
        pytest.param({EXPORTER: "otlp", "OTEL_SDK_DISABLED": "true"}, False, id="all is off"),
        pytest.param({EXPORTER: "", ENDPOINT: URL, PROTOCOL: ""}, True, id="empty variables"),
        pytest.param({ENDPOINT: ""}, False, id="an endpoint that is empty"),
        pytest.param({EXPORTER: "otlp", PROTOCOL: "http/protobuf"}, True, id="our protocol"),
    ],
)
def test_the_standard_variables_switch_it_on(environ: Mapping[str, str], expected: object) -> None:
    assert is_tracing_wanted(environ) is expected


LIMIT = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
WRONG = [
    pytest.param({EXPORTER: "zipkin"}, EXPORTER, id="an exporter that is not here"),
    pytest.param({EXPORTER: "otlp", PROTOCOL: "grpc"}, PROTOCOL, id="a protocol that is not here"),
    pytest.param({EXPORTER: "otlp", LIMIT: "x"}, LIMIT, id="one that OpenTelemetry names"),
    pytest.param({EXPORTER: "otlp", "OTEL_BSP_MAX_QUEUE_SIZE": "10"}, "OTEL_", id="one that it does not name"),
]


@pytest.mark.parametrize(("environ", "variable"), WRONG)
def test_a_process_with_a_wrong_variable_works_passes_traces_on_and_says_which_one_is_wrong(
    environ: Mapping[str, str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    with start("inn", "INFO", stream) as telemetry, telemetry.span("serve", CLIENT) as traceparent:
        assert traceparent == CLIENT
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["variable"]) == ("tracing_off", "warning", variable)


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
