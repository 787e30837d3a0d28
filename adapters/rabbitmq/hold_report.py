"""Reports held deliveries to the Observer: each by its reason, and an outage of the store once.

An open circuit is not reported here: the fail-over between providers reports it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic

from function.outcomes import Outcome, Reason, Status
from function.result import summary_of
from function.telemetry import HOLD_REASONS, Observer

OUTAGE_LOG_SEC = 60.0
"""Shortest time between two reported outages: two log lines each."""
_WITHOUT_STORE = frozenset({Status.REJECTED, Reason.INTERNAL_ERROR})
"""Outcomes that do not show that the store is available."""


class HoldReport:
    """The report of one lane and its `queue`. `clock`: monotonic seconds; `outage_since`: None without an outage."""

    def __init__(self, observer: Observer, queue: str, clock: Callable[[], float] = monotonic) -> None:
        self._observer = observer
        self._queue = queue
        self._clock = clock
        self.outage_since: float | None = None
        self._silent_until = float("-inf")

    def report_held(self, outcomes: Iterable[Outcome]) -> None:
        """Count held deliveries; may report the beginning of an outage."""
        reasons = Counter(map(_status, outcomes))
        for reason in HOLD_REASONS:
            if count := reasons[reason]:
                self._observer.held(reason, count)
        now = self._clock()
        if Reason.STORE_UNAVAILABLE not in reasons:
            self._end()
        elif self.outage_since is None and now >= self._silent_until:
            self.outage_since = now
            self._observer.event("store_unavailable", queue=self._queue)

    def report_released(self, outcomes: Iterable[Outcome]) -> None:
        """Report the end of an outage, if these outcomes show it."""
        if not _WITHOUT_STORE.issuperset(map(_status, outcomes)):
            self._end()

    def _end(self) -> None:
        if self.outage_since is not None:
            now = self._clock()
            self._observer.event("store_available", queue=self._queue, seconds=now - self.outage_since)
            self.outage_since, self._silent_until = None, now + OUTAGE_LOG_SEC


def _status(outcome: Outcome) -> str:
    return summary_of(outcome).status
