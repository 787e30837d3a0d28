"""Coalesces calls that threads make at the same time into batches.

A call that comes while no batch is under way goes at once. Calls that arrive meanwhile form the next batch: they
share a round trip, and the wait for a majority and its journals. A call that no batch has taken in MAX_WAIT_SEC,
or whose batch has failed, goes alone: it may be made a second time, which must change nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_WAIT_SEC = 1.0
"""Far longer than a batch takes while all is well."""


@dataclass(slots=True, eq=False)
class _Call(Generic[T, R]):
    item: T
    done: bool = False
    results: list[R] = field(default_factory=list)


class Batcher(Generic[T, R]):
    """`batcher(item)` returns the item's result of `work(items)`, which has one for each in order; for any number of threads.

    What `work` raises for an item alone is raised by that call.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._changed = Condition()
        self._waiting: list[_Call[T, R]] = []
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many calls wait for the next batch."""
        return len(self._waiting)

    def __call__(self, item: T) -> R:
        """Work on the item, together with those that wait."""
        call: _Call[T, R] = _Call(item)
        batch: list[_Call[T, R]] = []
        with self._changed:
            self._waiting.append(call)
            if self._busy:
                self._changed.wait_for(lambda: call.done or not self._busy, MAX_WAIT_SEC)
            if call not in self._waiting:
                # Another thread has taken it into its batch.
                self._changed.wait_for(lambda: call.done)
            elif self._busy:
                self._waiting.remove(call)
            else:
                batch, self._waiting, self._busy = self._waiting, [], True
        if batch:
            self._run(batch)
        return call.results[0] if call.results else self._work([item])[0]

    def _run(self, batch: Sequence[_Call[T, R]]) -> None:
        try:
            results = self._work(list(map(attrgetter("item"), batch)))
            for call, result in zip(batch, results, strict=True):
                call.results.append(result)
        except Exception:
            # It may be the error of one: each goes by itself now, and that one meets it again.
            if len(batch) == 1:
                raise
        finally:
            with self._changed:
                self._busy = False
                for call in batch:
                    call.done = True
                self._changed.notify_all()
