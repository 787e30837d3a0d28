"""A trace collector that speaks OTLP over HTTP, on a free port of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.servers.http import answering


@dataclass
class Collector:
    """What was sent to it: bodies as they came, and the spans in them."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def take(self, _path: str, body: bytes) -> tuple[int, bytes]:
        self.bodies.append(body)
        return 200, b""

    @property
    def all_spans(self) -> list[Any]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [scope for request in requests for each in request.resource_spans for scope in each.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    @property
    def spans(self) -> dict[str, Any]:
        """By name; of several the last."""
        return {span.name: span for span in self.all_spans}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    with answering(collector.take) as collector.url:
        yield collector
