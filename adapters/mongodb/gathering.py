"""Calls that threads make at the same time, made as one.

Who comes while nothing is under way goes at once, alone. Who comes meanwhile gathers for the next
round: so a round trip, and the wait for a majority and its journals, is shared by all who wait for it.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from function.ports import Unavailable

T = TypeVar("T")
R = TypeVar("R")

ROUNDS = 2
"""A call takes as long as so many rounds at the most: the one that it finds under way, and its own."""


class _Call(Generic[T, R]):
    """One thread's call. `wake`: its round is over, or it is the one to lead the next."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.results: list[R] = []
        self.error: BaseException | None = None
        self._asleep = Lock()
        self._asleep.acquire()

    @property
    def over(self) -> bool:
        return bool(self.results) or self.error is not None

    def sleep(self) -> None:
        self._asleep.acquire()

    def wake(self) -> None:
        self._asleep.release()

    def result(self) -> R:
        match self.error:
            case None:
                return self.results[0]
            case Unavailable(reason=reason, retry_after=retry_after) as no:
                # Others raise it as well: each its own one.
                raise Unavailable(reason, retry_after) from no
            case error:
                raise error


class Gathering(Generic[T, R]):
    """`gathering(item)` gives the item's result of `work(items)`, which has one for each in order; for any number of threads.

    What `work` raises is everybody's where it is Unavailable. Anything else may be one item's alone:
    each is then worked on by itself.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._lock = Lock()
        self._waiting: list[_Call[T, R]] = []
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many calls wait for the next round."""
        return len(self._waiting)

    def __call__(self, item: T) -> R:
        """Work on the item, along with those of others who wait."""
        call: _Call[T, R] = _Call(item)
        with self._lock:
            self._waiting.append(call)
            leads, self._busy = not self._busy, True
        if not leads:
            call.sleep()
        if not call.over:
            self._lead(call)
        return call.result()

    def _lead(self, leader: _Call[T, R]) -> None:
        with self._lock:
            calls, self._waiting = self._waiting, []
        try:
            self._round(calls)
        finally:
            with self._lock:
                self._busy = bool(self._waiting)
                heirs = self._waiting[:1]
            for call in [*heirs, *calls]:
                if call is not leader:
                    call.wake()

    def _round(self, calls: Sequence[_Call[T, R]]) -> None:
        try:
            results = self._work([call.item for call in calls])
        except BaseException as error:  # noqa: BLE001  # every one is raised again, in the thread that it concerns
            if len(calls) > 1 and not isinstance(error, Unavailable):
                for call in calls:
                    self._round([call])
                return
            for call in calls:
                call.error = error
            return
        for call, result in zip(calls, results, strict=True):
            call.results.append(result)
