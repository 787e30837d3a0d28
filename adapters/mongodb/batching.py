"""Coalesces concurrent calls of several threads into batches.

A call runs at once if no batch is running. Calls that arrive meanwhile form the next batch, which shares one round
trip and one wait for a majority's journals. A call that no batch has taken in MAX_WAIT_SEC, or whose batch has
failed, runs alone: it may run twice, so it must be idempotent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_WAIT_SEC = 1.0
"""Far longer than a batch normally takes."""


@dataclass(slots=True, eq=False)
class _Call(Generic[T, R]):
    item: T
    done: bool = False
    results: list[R] = field(default_factory=list)


class Batcher(Generic[T, R]):
    """Thread-safe: `batcher(item)` returns the item's result of `work(items)`, which returns one for each, in order.

    A call raises what `work` raises for its item alone.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._changed = Condition()
        self._waiting: list[_Call[T, R]] = []
        self._busy = False

    @property
    def waiting(self) -> int:
        """The number of calls that wait for the next batch."""
        return len(self._waiting)

    def __call__(self, item: T) -> R:
        """Call `work` with the item and those that wait."""
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
            # It may be the error of one item: each call runs alone now, and only that one fails again.
            if len(batch) == 1:
                raise
        finally:
            with self._changed:
                self._busy = False
                for call in batch:
                    call.done = True
                self._changed.notify_all()
