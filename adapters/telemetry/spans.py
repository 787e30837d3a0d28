"""Spans by OpenTelemetry: names and codes only, an error by its type. Imported only where traces are switched on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import time_ns
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from typing_extensions import override

from adapters.telemetry.log_allow_list import KNOWN, OTHER, type_name
from function.telemetry import LookupEvent, Observer

CLOSE_SEC: Final = 5.0  # longest wait for a collector that does not answer, at the process's end

_KINDS = {"serve": SpanKind.SERVER, "consume": SpanKind.CONSUMER, "publish": SpanKind.PRODUCER, "ask": SpanKind.CLIENT}
_NAME = re.compile(r"[a-z]+(?: [a-z]+){0,3}")


class Spans(Observer):
    """An Observer that opens spans. Its tracer provider is not global."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("inn")
        self._w3c = TraceContextTextMapPropagator()

    @override
    @contextmanager
    def span(self, name: str, traceparent: str = "", ago: float = 0) -> Iterator[str]:
        shown = name if _NAME.fullmatch(name) else OTHER
        with self._tracer.start_as_current_span(
            shown,
            self._w3c.extract({"traceparent": traceparent}) if traceparent else None,
            _KINDS.get(shown.partition(" ")[0], SpanKind.INTERNAL),
            start_time=time_ns() - round(ago * 1e9) if ago else None,
            # Both would record the exception's text.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield self._traceparent() or traceparent
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", type_name(type(error)))
                raise

    @override
    def lookup(self, event: LookupEvent) -> None:
        """Set the attributes of the request's span, if it is the current one."""
        span = trace.get_current_span()
        if span.is_recording() and self._traceparent() == event.traceparent:
            words = {f"inn.{name}": KNOWN.get(getattr(event, name), OTHER) for name in ("entry", "status", "provider")}
            span.set_attributes({**words, "inn.cached": event.cached, "inn.attempt": event.attempt})

    def _traceparent(self) -> str:
        """The traceparent of the current span."""
        carrier: dict[str, str] = {}
        self._w3c.inject(carrier)
        return carrier.get("traceparent", "")


@contextmanager
def open_spans(name: str) -> Iterator[Spans]:
    """Spans that are sent over OTLP; `name`: the service's, unless OTEL_SERVICE_NAME is set."""
    # The process detector would report the whole command line.
    resource = Resource({SERVICE_NAME: name}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    try:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        yield Spans(provider)
    finally:
        closing = Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SEC)
