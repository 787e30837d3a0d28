"""Spans by OpenTelemetry: names and codes only, an error by its type."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from time import time_ns
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.telemetry import harmless, places
from adapters.telemetry.words import Words
from function.telemetry import ENTRIES, PROVIDERS, STATUSES, Ended

CLOSE_SEC: Final = 5.0
"""How long the end of a process waits for a collector that does not answer."""

_EXPORTERS = {"otlp": OTLPSpanExporter, "console": ConsoleSpanExporter}
_KINDS = {
    "serve": SpanKind.SERVER,
    "consume": SpanKind.CONSUMER,
    "publish": SpanKind.PRODUCER,
    "ask": SpanKind.CLIENT,
}
_NAME = re.compile(r"[a-z]+(?: [a-z]+){0,3}")


class Spans:
    """Traces of one process, by its own provider: nothing global is set."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("inn")
        self._w3c = TraceContextTextMapPropagator()
        self._entries, self._statuses, self._providers = Words(*ENTRIES), Words(*STATUSES), Words("", *PROVIDERS)

    @contextmanager
    def span(self, name: str, traceparent: str = "", ago: float = 0) -> Iterator[str]:
        """See Observer."""
        known = name if _NAME.fullmatch(name) else harmless.OTHER
        with self._tracer.start_as_current_span(
            known,
            self._w3c.extract({"traceparent": traceparent}) if traceparent else None,
            _KINDS.get(known.partition(" ")[0], SpanKind.INTERNAL),
            start_time=time_ns() - round(ago * 1e9) if ago else None,
            # Both would keep the exception's text.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield self._carried() or traceparent
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", places.type_name(type(error)))
                raise

    def ended(self, lookup: Ended) -> None:
        """Note on the request's span how it ended, where that span is the open one."""
        span = trace.get_current_span()
        if not span.is_recording() or self._carried() != lookup.traceparent:
            return
        _note(
            span,
            entry=self._entries.known(lookup.entry),
            status=self._statuses.known(lookup.status),
            provider=self._providers.known(lookup.provider),
            cached=lookup.cached,
            attempt=lookup.attempt,
        )

    def _carried(self) -> str:
        """The traceparent of the open span."""
        carrier: dict[str, str] = {}
        self._w3c.inject(carrier)
        return carrier.get("traceparent", "")


@contextmanager
def spans(name: str, exporters: Sequence[str]) -> Iterator[Spans]:
    """Spans that go to these exporters; `name` is the service's, unless OTEL_SERVICE_NAME gives another."""
    with closing(_provider(name)) as provider:
        for exporter in exporters:
            made: SpanExporter = _EXPORTERS[exporter]()
            provider.add_span_processor(BatchSpanProcessor(made))
        yield Spans(provider)


@contextmanager
def closing(provider: TracerProvider) -> Iterator[TracerProvider]:
    """Send what is left at the end, and do not wait for it for ever."""
    try:
        yield provider
    finally:
        last = Thread(target=provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(CLOSE_SEC)


def _provider(name: str) -> TracerProvider:
    # Of the detectors only this one: those of the process tell its whole command line.
    resource = Resource({SERVICE_NAME: name}).merge(OTELResourceDetector().detect())
    return TracerProvider(resource=resource, shutdown_on_exit=False)


def _note(span: Span, **facts: str | float) -> None:
    span.set_attributes({f"inn.{name}": fact for name, fact in facts.items()})
