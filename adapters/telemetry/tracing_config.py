"""Reads OpenTelemetry's environment variables, and starts tracing if they ask for it; else it is not imported."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from function.telemetry import Observer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_ANY = "OTEL_"  # reported for a variable that OpenTelemetry rejects without naming it


def is_wanted(environ: Mapping[str, str]) -> bool:
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


@contextmanager
def tracing(name: str, environ: Mapping[str, str], on_wrong: Callable[[str], None]) -> Iterator[Observer | None]:
    """Yields an Observer that opens spans, None without tracing; sends the remaining spans at the end.

    A wrong variable is reported to `on_wrong`, and only switches tracing off.
    """
    with ExitStack() as stack:
        spans: Observer | None = None
        try:
            if is_wanted(environ):
                from adapters.telemetry import spans as opentelemetry  # noqa: PLC0415  # its import takes 0.25 s

                spans = stack.enter_context(opentelemetry.spans(name))
        except ValueError as fault:
            on_wrong(_variable(fault, environ))
        yield spans


def _variable(fault: ValueError, environ: Mapping[str, str]) -> str:
    """The variable that an error's text names. The text itself may contain its value."""
    named = [name for name in environ if name.startswith(_ANY) and name in str(fault)]
    return max(named, key=len, default=_ANY)
