"""A TTL cache in memory, keyed by person."""

from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from function.person import Person
from function.ports import Clock

T = TypeVar("T")


class _Entry(NamedTuple, Generic[T]):
    value: T
    made: datetime
    expires_at: datetime


class TTLCache(Generic[T]):
    """A value for each person, `capacity` of them at most: the oldest is evicted first. Thread-safe."""

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        # In the order in which they were put.
        self._entries: OrderedDict[Person, _Entry[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, person: Person) -> T | None:
        """The value, unless it has expired."""
        # Without the lock: every cached answer comes this way.
        entry = self._entries.get(person)
        return entry.value if entry is not None and self._clock.now() < entry.expires_at else None

    def put(self, person: Person, value: T, made: datetime, expires_at: datetime) -> None:
        """Store the value, unless there is one that was made later."""
        with self._lock:
            entry = self._entries.get(person)
            if entry is None or entry.made <= made:
                self._entries[person] = _Entry(value, made, expires_at)
            self._entries.move_to_end(person)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def pop(self, person: Person) -> None:
        """Remove the person."""
        with self._lock:
            self._entries.pop(person, None)

    def unexpired(self) -> list[T]:
        """Remove what has expired; the values that are left."""
        now = self._clock.now()
        with self._lock:
            for person in [person for person, entry in self._entries.items() if entry.expires_at <= now]:
                del self._entries[person]
            return [entry.value for entry in self._entries.values()]
