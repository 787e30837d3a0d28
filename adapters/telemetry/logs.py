"""The log: one JSON object a line, or coloured lines on a terminal; nothing in it but harmless facts."""

import logging
from collections.abc import Callable, Mapping

from adapters.telemetry import structured
from adapters.telemetry.gate import Gate
from adapters.telemetry.lines import Lines, Stamps
from adapters.telemetry.rendering import as_json
from function.telemetry import Ended


class Log:
    """The log of one process. `level`: a name, as in LOG_LEVEL; `clock`: seconds since the epoch.

    Each line takes the same way, a pipeline of structlog: the level, the time, the gate, the renderer.
    """

    def __init__(self, name: str, level: str, lines: Lines, clock: Callable[[], float], *, coloured: bool) -> None:
        self.level = logging.getLevelNamesMapping()[level]
        renderer = structured.console() if coloured else as_json
        self._logger = structured.pipeline(lines, self.level, [Stamps(clock), Gate(name), renderer])

    def event(self, name: str, facts: Mapping[str, object], level: int = logging.INFO) -> None:
        """One line: its name, and of the facts those that are harmless."""
        # Whatever a fact is named, it can't be taken for an argument of structlog's.
        self._logger.log(level, name, facts=facts)

    def trouble(self, where: str, error: BaseException) -> None:
        """One line: an error's type and places, and those of its causes."""
        self.event("trouble", {"where": where, "exception": error}, logging.ERROR)

    def ended(self, lookup: Ended) -> None:
        """The line of a request."""
        self._logger.info("lookup", lookup=lookup)
