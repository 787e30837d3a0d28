"""Coalesces concurrent calls of several threads into batches.

A call runs at once if no batch is running. Calls that arrive meanwhile form the next batch, which shares one round
trip and one wait for a majority's journals. A call that no batch has taken in MAX_WAIT_SEC, or whose batch has
failed, runs alone: it may run twice, so it must be idempotent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Event, Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_WAIT_SEC = 1.0  # far longer than a batch normally takes


@dataclass(slots=True, eq=False)
class _Call(Generic[T, R]):
    """`news` is set when the call is to lead the next batch, or when the batch that took it has ended."""

    item: T
    leads: bool = False
    news: Event = field(default_factory=Event)
    results: list[R] = field(default_factory=list)


class Batcher(Generic[T, R]):
    """Thread-safe: `batcher(item)` returns the item's result of `work(items)`, which returns one for each, in order.

    A call raises what `work` raises for its item alone.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._lock = Lock()
        self.waiting: list[_Call[T, R]] = []  # the next batch
        self._busy = False

    def __call__(self, item: T) -> R:
        """Call `work` with the item and those that wait."""
        call: _Call[T, R] = _Call(item)
        with self._lock:
            self.waiting.append(call)
            call.leads, self._busy = not self._busy, True
        if not call.leads and not call.news.wait(MAX_WAIT_SEC):
            with self._lock:
                is_late = call in self.waiting and not call.leads
                if is_late:
                    self.waiting.remove(call)
            if not is_late:
                call.news.wait()
        if call.leads:
            self._lead()
        return call.results[0] if call.results else self._work([item])[0]

    def _lead(self) -> None:
        """Run the batch of all that wait. Then wake its calls, and the one that leads the next batch: no other."""
        with self._lock:
            batch, self.waiting = self.waiting, []
        try:
            results = self._work(list(map(attrgetter("item"), batch)))
            for call, result in zip(batch, results, strict=True):
                call.results.append(result)
        except Exception:
            # It may be the error of one item: each call runs alone now, and only that one fails again.
            if len(batch) == 1:
                raise
        finally:
            with self._lock:
                following = self.waiting[:1]
                self._busy = bool(following)
                for call in following:
                    call.leads = True
            for call in (*following, *batch):
                call.news.set()
