"""The gate in the log's pipeline: whatever a line was given, what leaves is harmless.

Every line passes, whoever logs it and how: a fact of a known name leaves in its harmless form, a request,
an exception or a library's record as what may be told of it, and all else is left out and counted.
"""

from collections.abc import Callable, Mapping
from logging import LogRecord
from typing import Any, Final

from adapters.telemetry import harmless, places, records
from adapters.telemetry.lines import Line
from adapters.telemetry.rendering import About, about
from adapters.telemetry.words import Words
from function.telemetry import ENTRIES, PROVIDERS, STATUSES, Ended

_TOLD: Final[tuple[tuple[type, Callable[[Any], Mapping[str, object]]], ...]] = (
    (BaseException, places.told),
    (LogRecord, records.told),
)
"""Things that are told by their kind, under whatever name they come."""


class Gate:
    """A processor of structlog. `service`: the name that each line bears."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._words = Words(*ENTRIES), Words(*STATUSES), Words("", *PROVIDERS)
        self._abouts: dict[tuple[str, str, bool, str], About] = {}

    def __call__(self, _logger: object, level: str, line: Line) -> Line:
        """The line that may be written. `time` is the pipeline's own stamp."""
        lookup = line.get("lookup")
        if isinstance(lookup, Ended):
            return self._request(level, line["time"], lookup)
        facts = line.get("facts")
        loose = {name: value for name, value in line.items() if name not in ("time", "event", "facts")}
        return {
            "time": line["time"],
            "level": level,
            "event": harmless.code(line.get("event")) or harmless.OTHER,
            "service": self._service,
            **_shown({**loose, **(facts if isinstance(facts, Mapping) else {"facts": facts})}),
        }

    def _request(self, level: str, time: str, lookup: Ended) -> Line:
        """A request's line, which holds nothing else: bounded words, numbers, and two ids in harmless forms.

        The milliseconds are not rounded yet, and the first half is for the renderer to take apart.
        """
        known = self._abouts.get((lookup.entry, lookup.status, lookup.cached, lookup.provider))
        return {
            "time": time,
            "level": level,
            "about": known or self._about(lookup),
            "request_id": harmless.request_id(lookup.request_id),
            "ms": lookup.seconds * 1000,
            "attempt": lookup.attempt,
            "trace_id": harmless.trace_id(lookup.traceparent),
        }

    def _about(self, lookup: Ended) -> About:
        entries, statuses, providers = self._words
        entry, status = entries.known(lookup.entry), statuses.known(lookup.status)
        provider = providers.known(lookup.provider)
        facts = {
            "event": "lookup",
            "service": self._service,
            "entry": entry,
            "status": status,
            "cached": lookup.cached,
            "provider": provider,
        }
        # Kept under bounded words only, or unknown ones would fill the memory.
        return self._abouts.setdefault((entry, status, lookup.cached, provider), about(facts))


def _shown(facts: Mapping[str, object]) -> Line:
    """The facts that may be shown, and how many were withheld."""
    kept: Line = {}
    withheld = 0
    for name, value in facts.items():
        told = next((tell(value) for kind, tell in _TOLD if isinstance(value, kind)), None)
        fact = harmless.FORMS[name](value) if name in harmless.FORMS else None
        if told is not None:
            kept.update(told)
        elif fact is not None:
            kept[name] = fact
        else:
            withheld += 1
    return {**kept, harmless.WITHHELD: withheld} if withheld else kept
