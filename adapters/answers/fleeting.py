"""What a process knows of persons for a while, in its memory alone: nobody is kept there for longer than was said."""

from collections import OrderedDict
from datetime import datetime
from threading import Lock, Timer
from typing import Generic, NamedTuple, TypeVar

from function.person import Person
from function.ports import Clock

SWEEP_SEC = 10.0
"""While no call comes, what is past its time stays for so long at the most."""

T = TypeVar("T")


class _Kept(NamedTuple, Generic[T]):
    value: T
    made: datetime
    until: datetime


class Fleeting(Generic[T]):
    """A value for each person, `capacity` of them at most: the oldest goes first. Any thread may call it.

    What is past its time is never given. `put` lets go of it where it is the oldest; every `sweep` seconds, as
    long as there is anybody, a thread lets go of all of it: no passport stays in an idle process.
    """

    def __init__(self, clock: Clock, capacity: int, sweep: float = SWEEP_SEC) -> None:
        self._clock = clock
        self._capacity = capacity
        self._sweep_sec = sweep
        # In the order in which they came.
        self._kept: OrderedDict[Person, _Kept[T]] = OrderedDict()
        self._changing = Lock()
        self._sweeping = False

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, person: Person, value: T, made: datetime, until: datetime) -> None:
        """Keep the value until then, unless another one is there that was made later."""
        with self._changing:
            kept = self._kept.get(person)
            if kept is None or kept.made <= made:
                self._kept[person] = _Kept(value, made, until)
            # Whoever is met again is among the newest.
            self._kept.move_to_end(person)
            self._let_go(self._clock.now())
            if self._kept and not self._sweeping:
                self._sweep_later()

    def get(self, person: Person) -> T | None:
        """The value, where its time is not over."""
        # Without the lock: every cached answer comes this way.
        kept = self._kept.get(person)
        return kept.value if kept is not None and self._clock.now() < kept.until else None

    def values(self) -> list[T]:
        """All whose time is not over."""
        now = self._clock.now()
        with self._changing:
            return [kept.value for kept in self._kept.values() if now < kept.until]

    def pop(self, person: Person) -> None:
        """Let go of the person."""
        with self._changing:
            self._kept.pop(person, None)

    def _let_go(self, now: datetime) -> None:
        """Of the oldest, while they are too many or past their time."""
        while self._kept:
            oldest = next(iter(self._kept))
            if len(self._kept) <= self._capacity and now < self._kept[oldest].until:
                break
            del self._kept[oldest]

    def _sweep_later(self) -> None:
        timer = Timer(self._sweep_sec, self._sweep)
        # It keeps no process from ending.
        timer.daemon = True
        timer.start()
        self._sweeping = True

    def _sweep(self) -> None:
        with self._changing:
            now = self._clock.now()
            # One whose time is shorter may stand behind one whose time is longer.
            for person in [person for person, kept in self._kept.items() if kept.until <= now]:
                del self._kept[person]
            self._sweeping = False
            if self._kept:
                self._sweep_later()
