"""The log: one JSON object a line, or coloured lines on a terminal; nothing in it but harmless facts."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from adapters.telemetry import harmless, places
from adapters.telemetry.lines import Lines, Stamps
from adapters.telemetry.words import Words
from function.observing import ENTRIES, PROVIDERS, STATUSES, Ended

Facts = dict[str, Any]
Head = tuple[str, str, bool, str]


class Log:
    """The log of one process. `level`: a name, as in LOG_LEVEL; `clock`: seconds since the epoch."""

    def __init__(self, name: str, level: str, lines: Lines, clock: Callable[[], float], *, coloured: bool) -> None:
        self.level = logging.getLevelNamesMapping()[level]
        self._name = name
        self._lines = lines
        self._stamps = Stamps(clock)
        self._rendered = _console() if coloured else _json
        self.ended = self._ended_plainly if coloured else self._ended_fast
        self._heads: dict[Head, str] = {}
        self._words = Words(*ENTRIES), Words(*STATUSES), Words("", *PROVIDERS)

    def event(self, name: str, facts: Mapping[str, object], level: int = logging.INFO) -> None:
        """One line: its name, and of the facts those that are harmless."""
        if level < self.level:
            return
        line = {
            "time": self._stamps(),
            "level": logging.getLevelName(level).lower(),
            "event": harmless.code(name) or harmless.OTHER,
            "service": self._name,
            # Nothing personal gets through here.
            **harmless.shown(facts),
        }
        self._lines.write(self._rendered(line))

    def trouble(self, where: str, error: BaseException) -> None:
        """One line: an error's type and places, and those of its causes."""
        self.event("trouble", {"where": where, "exception": harmless.Proven(places.told(error))}, logging.ERROR)

    def _ended_fast(self, lookup: Ended) -> None:
        """The line of a request, put together by hand: `event` would take ten times as long.

        It holds the same: words that are bounded, numbers, and two ids in harmless forms.
        """
        if self.level > logging.INFO:
            return
        head = self._heads.get((lookup.entry, lookup.status, lookup.cached, lookup.provider)) or self._head(lookup)
        self._lines.write(
            f'{{"time":"{self._stamps()}",{head},"request_id":"{harmless.request_id(lookup.request_id)}",'
            f'"ms":{lookup.seconds * 1000:.2f},"attempt":{lookup.attempt:d},'
            f'"trace_id":"{harmless.trace_id(lookup.traceparent)}"}}'
        )

    def _ended_plainly(self, lookup: Ended) -> None:
        entry, status, cached, provider = self._known(lookup)
        facts = harmless.Proven(
            entry=entry,
            status=status,
            cached=cached,
            provider=provider,
            request_id=harmless.request_id(lookup.request_id),
            ms=round(lookup.seconds * 1000, 2),
            attempt=lookup.attempt,
            trace_id=harmless.trace_id(lookup.traceparent),
        )
        self.event("lookup", {"lookup": facts})

    def _head(self, lookup: Ended) -> str:
        known = self._known(lookup)
        entry, status, cached, provider = known
        facts = {
            "level": "info",
            "event": "lookup",
            "service": self._name,
            "entry": entry,
            "status": status,
            "cached": cached,
            "provider": provider,
        }
        # Kept under bounded words only, or unknown ones would fill the memory.
        return self._heads.setdefault(known, json.dumps(facts, separators=(",", ":"))[1:-1])

    def _known(self, lookup: Ended) -> Head:
        entries, statuses, providers = self._words
        return (
            entries.known(lookup.entry),
            statuses.known(lookup.status),
            lookup.cached,
            providers.known(lookup.provider),
        )


def _json(line: Facts) -> str:
    return json.dumps(line, separators=(",", ":"), default=lambda _: harmless.WITHHELD)


def _console() -> Callable[[Facts], str]:
    import structlog.dev  # noqa: PLC0415  # a tenth of a second, for those only who sit before a terminal

    renderer = structlog.dev.ConsoleRenderer(sort_keys=False, timestamp_key="time")
    return lambda line: renderer(None, "", line)
