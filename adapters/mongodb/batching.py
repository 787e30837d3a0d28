"""Coalesces calls that threads make at the same time into batches.

A call that comes while no batch is under way goes at once, alone. Calls that arrive meanwhile form the next
batch: so a round trip, and the wait for a majority and its journals, is shared by all that wait for it.

No call suffers from another: one that no batch has taken in MAX_WAIT_SEC, or whose batch has failed, goes
alone. So a call may be made a second time, which must change nothing.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_WAIT_SEC = 1.0
"""Far longer than a batch takes while all is well."""


class _Call(Generic[T, R]):
    """One thread's call. `leads`: its thread makes the next batch."""

    def __init__(self, item: T, *, leads: bool) -> None:
        self.item = item
        self.leads = leads
        self.results: list[R] = []
        self._done = Lock()
        self._done.acquire()

    def wait(self, seconds: float = -1) -> bool:
        """Wait until it is notified, or for so long; whether it was notified."""
        return self._done.acquire(timeout=seconds)

    def notify(self) -> None:
        self._done.release()


class Batcher(Generic[T, R]):
    """`batcher(item)` returns the item's result of `work(items)`, which has one for each in order; for any number of threads.

    What `work` raises for an item alone is raised by that call.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._lock = Lock()
        self._waiting: list[_Call[T, R]] = []
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many calls wait for the next batch."""
        return len(self._waiting)

    def __call__(self, item: T) -> R:
        """Work on the item, together with those that wait."""
        with self._lock:
            call: _Call[T, R] = _Call(item, leads=not self._busy)
            self._busy = True
            self._waiting.append(call)
        if not call.leads:
            self._wait(call)
        if call.leads:
            self._lead(call)
        return call.results[0] if call.results else self._work([item])[0]

    def _wait(self, call: _Call[T, R]) -> None:
        """Until a batch has had it, or it is to lead one, or none has taken it for too long."""
        if call.wait(MAX_WAIT_SEC):
            return
        with self._lock:
            if call in self._waiting and not call.leads:
                self._waiting.remove(call)
                return
        call.wait()

    def _lead(self, leader: _Call[T, R]) -> None:
        with self._lock:
            calls, self._waiting = self._waiting, []
        try:
            self._run(calls)
        finally:
            with self._lock:
                next_leader = self._waiting[:1]
                self._busy = bool(next_leader)
                for call in next_leader:
                    call.leads = True
            for call in [*next_leader, *calls]:
                if call is not leader:
                    call.notify()

    def _run(self, calls: Sequence[_Call[T, R]]) -> None:
        try:
            results = self._work([call.item for call in calls])
        except Exception:
            if len(calls) == 1:
                raise
            # It may be the error of one: each goes by itself now, and that one meets it again.
            return
        for call, result in zip(calls, results, strict=True):
            call.results.append(result)
