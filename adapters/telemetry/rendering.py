"""A log line as one JSON object."""

import json
from typing import Final

from adapters.telemetry import harmless
from adapters.telemetry.lines import Line

_COMPACT: Final = (",", ":")


class Json:
    """A processor of structlog, the last; it takes what the gate let through.

    The lines of requests are nearly all that there are, and the first half of each is one of few: it is kept.
    """

    def __init__(self) -> None:
        self._heads: dict[tuple[str, str, bool, str], str] = {}

    def __call__(self, _logger: object, _level: str, line: Line) -> str:
        """The text of the line."""
        if "request_id" not in line:
            return json.dumps(line, separators=_COMPACT, default=lambda _: harmless.WITHHELD)
        # Bounded words, so the heads stay few.
        head = self._heads.get((line["entry"], line["status"], line["cached"], line["provider"])) or self._head(line)
        # The gate lets no id through that JSON would have to quote.
        return (
            f'{{"time":"{line["time"]}","level":"{line["level"]}",{head},"request_id":"{line["request_id"]}",'
            f'"ms":{line["ms"]:.2f},"attempt":{line["attempt"]},"trace_id":"{line["trace_id"]}"}}'
        )

    def _head(self, line: Line) -> str:
        named = ("event", "service", "entry", "status", "cached", "provider")
        head = json.dumps({name: line[name] for name in named}, separators=_COMPACT)[1:-1]
        return self._heads.setdefault((line["entry"], line["status"], line["cached"], line["provider"]), head)
