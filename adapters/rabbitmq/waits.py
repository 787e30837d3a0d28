"""What a lane tells of deliveries that it keeps in hand: how often and why, and an outage of the store once.

A provider that is closed is not told of here: whoever finds it so has told already.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic

from adapters.rabbitmq.settling import status_of
from function.outcomes import Outcome, Reason, Status
from function.telemetry import WAITS, Observer

APART_SEC = 60.0
"""A store that comes and goes has two lines in so long, and not two for each try."""
_SAY_NOTHING = frozenset({Status.REJECTED, Reason.INTERNAL_ERROR})
"""Endings of requests for which the store need not have been asked."""


class Waits:
    """One lane's. `queue`: its own; `clock`: seconds from any beginning."""

    def __init__(self, observer: Observer, queue: str, clock: Callable[[], float] = monotonic) -> None:
        self._observer = observer
        self._queue = queue
        self._clock = clock
        self._since: float | None = None
        self._silent_until = float("-inf")

    def kept(self, outcomes: Iterable[Outcome]) -> None:
        """These have to wait, and are tried again."""
        reasons = Counter(map(status_of, outcomes))
        for reason in WAITS:
            if count := reasons[reason]:
                self._observer.waiting(reason, count)
        if Reason.STORE_UNAVAILABLE in reasons:
            self._away()
        else:
            self._back()

    def passed(self, outcomes: Iterable[Outcome]) -> None:
        """These go on. It costs nothing while no outage was told of."""
        if self._since is not None and not _SAY_NOTHING.issuperset(map(status_of, outcomes)):
            self._back()

    def _away(self) -> None:
        now = self._clock()
        if self._since is None and now >= self._silent_until:
            self._since = now
            self._observer.event("store_unavailable", queue=self._queue)

    def _back(self) -> None:
        if self._since is not None:
            now = self._clock()
            self._observer.event("store_available", queue=self._queue, seconds=now - self._since)
            self._since, self._silent_until = None, now + APART_SEC
