"""Calls that threads make at the same time, made as one.

Who comes while nothing is under way goes at once, alone. Who comes meanwhile gathers for the next
round: so a round trip, and the wait for a majority and its journals, is shared by all who wait for it.

Nobody is kept by another's trouble: whom no round has taken in PATIENCE_SEC, or whose round has failed, goes
alone. So a call may be made a second time, which must change nothing.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_SEC = 1.0
"""Far longer than a round takes while all is well."""


def longest(work_sec: float) -> float:
    """Seconds that a call may take whose work takes `work_sec` at the most: it waits, leads a round, and goes alone."""
    return PATIENCE_SEC + 2 * work_sec


class _Call(Generic[T, R]):
    """One thread's call. `leads`: the next round is its own to lead."""

    def __init__(self, item: T, *, leads: bool) -> None:
        self.item = item
        self.leads = leads
        self.results: list[R] = []
        self._asleep = Lock()
        self._asleep.acquire()

    def sleep(self, seconds: float = -1) -> bool:
        """Sleep until it is woken, or for so long; whether it was woken."""
        return self._asleep.acquire(timeout=seconds)

    def wake(self) -> None:
        self._asleep.release()


class Gathering(Generic[T, R]):
    """`gathering(item)` gives the item's result of `work(items)`, which has one for each in order; for any number of threads.

    What `work` raises for an item alone is that call's.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._lock = Lock()
        self._waiting: list[_Call[T, R]] = []
        self._led = False

    @property
    def waiting(self) -> int:
        """How many calls wait for the next round."""
        return len(self._waiting)

    def __call__(self, item: T) -> R:
        """Work on the item, along with those of others who wait."""
        with self._lock:
            call: _Call[T, R] = _Call(item, leads=not self._led)
            self._led = True
            self._waiting.append(call)
        if not call.leads:
            self._stand_by(call)
        if call.leads:
            self._lead(call)
        return call.results[0] if call.results else self._work([item])[0]

    def _stand_by(self, call: _Call[T, R]) -> None:
        """Until a round is through with it, or it is to lead one, or none has taken it for long enough."""
        if call.sleep(PATIENCE_SEC):
            return
        with self._lock:
            if call in self._waiting and not call.leads:
                self._waiting.remove(call)
                return
        call.sleep()

    def _lead(self, leader: _Call[T, R]) -> None:
        with self._lock:
            calls, self._waiting = self._waiting, []
        try:
            self._round(calls)
        finally:
            with self._lock:
                heirs = self._waiting[:1]
                self._led = bool(heirs)
                for heir in heirs:
                    heir.leads = True
            for call in [*heirs, *calls]:
                if call is not leader:
                    call.wake()

    def _round(self, calls: Sequence[_Call[T, R]]) -> None:
        try:
            results = self._work([call.item for call in calls])
        except Exception:
            if len(calls) == 1:
                raise
            # It may be one's alone: each goes by itself now, and whose it is meets it again.
            return
        for call, result in zip(calls, results, strict=True):
            call.results.append(result)
