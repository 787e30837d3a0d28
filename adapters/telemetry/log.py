"""The log: structlog's pipeline. It ends in one JSON object a line, or in coloured lines on a terminal."""

from collections.abc import MutableMapping
from json import JSONEncoder
from logging import LogRecord
from typing import Any

from adapters.runtime.imports import without
from adapters.telemetry import exceptions
from adapters.telemetry.allow_list import FORMS, WITHHELD, code, known, request_id, trace_id, word
from function.telemetry import LookupEvent

# Where rich is installed structlog imports it for tracebacks, of which this log has none: it costs more than the rest.
with without("rich"):
    import structlog
    from structlog.processors import JSONRenderer, TimeStamper, add_log_level
    from structlog.typing import FilteringBoundLogger as Logger
    from structlog.typing import Processor

__all__ = ["Logger", "make_logger"]


def make_logger(service: str, level: int, sink: object, *, coloured: bool) -> Logger:
    """A logger whose lines from `level` on end in `sink`, which has a method for each level.

    structlog's global settings stay as they are: others in this process may use it.
    """
    # One encoder: json.dumps would create it for each line.
    encode = JSONEncoder(separators=(",", ":")).encode
    renderer: Processor = JSONRenderer(serializer=lambda line, **_: encode(line))
    if coloured:
        renderer = structlog.dev.ConsoleRenderer(sort_keys=False, timestamp_key="time")
    processors: list[Processor] = [add_log_level, TimeStamper(fmt="iso", key="time"), AllowList(service), renderer]
    made = structlog.wrap_logger(sink, processors, structlog.make_filtering_bound_logger(level))
    logger: Logger = made.bind()
    return logger


class AllowList:
    """A processor that lets known facts pass in their harmless form, whoever logs them, and counts the others."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
        """The line that may be written. `facts` of the line are as good as its own; some types come under any name."""
        shown: dict[str, Any] = {
            "time": line.pop("time"),
            "level": line.pop("level"),
            "event": code(line.pop("event")),
            "service": self._service,
        }
        facts = line.pop("facts", {})
        if line or not isinstance(facts, dict):
            facts = {**line, **(facts if isinstance(facts, dict) else {"facts": facts})}
        withheld = 0
        for name, value in facts.items():
            form = FORMS.get(name)
            fact = form(value) if form else None
            if fact is not None:
                shown[name] = fact
            elif isinstance(value, LookupEvent):
                shown |= _describe_lookup(value)
            elif isinstance(value, BaseException):
                shown |= exceptions.describe(value)
            elif isinstance(value, LogRecord):
                shown |= _describe_record(value)
            else:
                withheld += 1
        return {**shown, WITHHELD: withheld} if withheld else shown


def _describe_lookup(event: LookupEvent) -> dict[str, Any]:
    return {
        "entry": known(event.entry),
        "status": known(event.status),
        "cached": event.cached,
        "provider": known(event.provider),
        "request_id": request_id(event.request_id),
        "ms": round(event.seconds * 1000, 2),
        "attempt": event.attempt,
        "trace_id": trace_id(event.traceparent),
    }


def _describe_record(record: LogRecord) -> dict[str, Any]:
    """A library's record without its message, which may hold URLs, bodies, addresses with passwords."""
    error = record.exc_info[1] if record.exc_info else None
    described = exceptions.describe(error) if error is not None else {}
    places = described.get("places") or [exceptions.place(record.pathname, record.lineno, record.funcName or "")]
    return {"logger": word(record.name), **described, "places": places}
