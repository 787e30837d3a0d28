"""A log line as one JSON object."""

import json
from typing import Final, NamedTuple

from adapters.telemetry import harmless
from adapters.telemetry.lines import Line

_COMPACT: Final = (",", ":")


class About(NamedTuple):
    """The first half of a request's line, as facts and as text. It is one of few, and is kept."""

    facts: Line
    text: str


def about(facts: Line) -> About:
    """The half line of these facts."""
    return About(facts, json.dumps(facts, separators=_COMPACT)[1:-1])


def as_json(_logger: object, _level: str, line: Line) -> str:
    """A processor of structlog, the last; it takes what the gate let through."""
    if "about" not in line:
        return json.dumps(line, separators=_COMPACT, default=lambda _: harmless.WITHHELD)
    # The gate lets no id through that JSON would have to quote.
    return (
        f'{{"time":"{line["time"]}","level":"{line["level"]}",{line["about"].text},"request_id":"{line["request_id"]}",'
        f'"ms":{line["ms"]:.2f},"attempt":{line["attempt"]},"trace_id":"{line["trace_id"]}"}}'
    )
