"""Reports deliveries that are held: each by its reason, and an outage of the store once.

A closed provider is not reported here: the fail-over between providers has done so.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic

from function.outcomes import Outcome, Reason, Status
from function.result import summary_of
from function.telemetry import HOLD_REASONS, Observer

OUTAGE_LOG_SEC = 60.0
"""A store that comes and goes has two lines in the log in so long."""
_WITHOUT_STORE = frozenset({Status.REJECTED, Reason.INTERNAL_ERROR})
"""Endings of requests for which the store need not have been asked."""


class HoldReport:
    """One lane's. `queue`: its own; `clock`: seconds from any beginning; `outage_since`: None while there is none."""

    def __init__(self, observer: Observer, queue: str, clock: Callable[[], float] = monotonic) -> None:
        self._observer = observer
        self._queue = queue
        self._clock = clock
        self.outage_since: float | None = None
        self._silent_until = float("-inf")

    def held(self, outcomes: Iterable[Outcome]) -> None:
        """These are held, and tried again."""
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

    def released(self, outcomes: Iterable[Outcome]) -> None:
        """These go on."""
        if not _WITHOUT_STORE.issuperset(map(_status, outcomes)):
            self._end()

    def _end(self) -> None:
        if self.outage_since is not None:
            now = self._clock()
            self._observer.event("store_available", queue=self._queue, seconds=now - self.outage_since)
            self.outage_since, self._silent_until = None, now + OUTAGE_LOG_SEC


def _status(outcome: Outcome) -> str:
    return summary_of(outcome).status
