"""Whether and where traces go: OpenTelemetry's own environment variables say it, and without them nothing is loaded."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Final, Protocol

from function.telemetry import Ended

KNOWN_EXPORTERS: Final = ("otlp", "console")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OUR_PROTOCOL = "http/protobuf"
_ANY = "OTEL_"
"""Stands for a variable that OpenTelemetry does not name when it can't take it."""


class Traces(Protocol):
    """What a process does about traces."""

    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        """See Observer."""

    def ended(self, lookup: Ended) -> None:
        """The end of a request, while its span is open."""


class Untraced:
    """No traces: what came is handed on."""

    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        """See Observer."""
        return nullcontext(traceparent)

    def ended(self, lookup: Ended) -> None:
        """Nothing to note."""


class WrongTracing(ValueError):
    """The environment asks for what is not here. The text is the variable that does."""


def exporters(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where spans go; nowhere, unless an exporter or an endpoint is named. Raises WrongTracing."""
    # An empty variable is none, as OpenTelemetry has it.
    named = environ.get("OTEL_TRACES_EXPORTER") or ("otlp" if any(map(environ.get, _ENDPOINTS)) else "none")
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    chosen = tuple(name for name in map(str.strip, named.split(",")) if name not in ("", "none"))
    if not set(chosen) <= set(KNOWN_EXPORTERS):
        raise WrongTracing("OTEL_TRACES_EXPORTER")
    for variable in _PROTOCOLS:
        if "otlp" in chosen and (environ.get(variable) or _OUR_PROTOCOL) != _OUR_PROTOCOL:
            raise WrongTracing(variable)
    return chosen


@contextmanager
def tracing(name: str, environ: Mapping[str, str], wrong: Callable[[str], None]) -> Iterator[Traces]:
    """Traces while the context lasts, then what is left of them is sent. `wrong` hears of a variable that is wrong.

    A wrong variable leaves the process untraced: to watch the service is never a reason to stop it.
    """
    with ExitStack() as stack:
        try:
            traces = _begun(name, exporters(environ), stack)
        except ValueError as fault:
            wrong(_blamed(fault, environ))
            traces = Untraced()
        yield traces


def _begun(name: str, chosen: tuple[str, ...], stack: ExitStack) -> Traces:
    """Traces to these exporters until the stack ends. A ValueError is of a variable that OpenTelemetry can't take."""
    if not chosen:
        return Untraced()
    from adapters.telemetry.spans import spans  # noqa: PLC0415  # a quarter of a second, for those only who want it

    return stack.enter_context(spans(name, chosen))


def _blamed(fault: ValueError, environ: Mapping[str, str]) -> str:
    """The variable that an error's text speaks of; the text itself may hold its value."""
    spoken_of = [name for name in environ if name.startswith(_ANY) and name in str(fault)]
    return max(spoken_of, key=len, default=_ANY)
