"""For whom a provider that stood in was asked in vain: for a while it is not asked for them again.

They wait for the provider whose place it took, perhaps for hours, and each try may cost money.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from function.person import Person
from function.rate_limit import Entry, Pace, closed, cooled

FIRST_SEC = 60.0
"""Doubled by each further time in vain, up to `pacing.MAX_COOLDOWN_SEC`."""
CAPACITY = 10_000
_PACE = Pace(min_interval=0, cooldown=FIRST_SEC, daily_limit=0, probe_lease=0)


class Spared:
    """A cool-down for each person, for any thread; of too many the oldest is let go.

    Nothing of a person is kept but a number that means nothing outside this process.
    """

    def __init__(self, monotonic: Callable[[], float], capacity: int = CAPACITY) -> None:
        self._monotonic = monotonic
        self._capacity = capacity
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._changing = Lock()

    def seconds(self, person: Person) -> float:
        """Until the provider may be asked for the person again; 0: now."""
        shut = closed(self._entries.get(hash(person), Entry()), _PACE, self._monotonic())
        return shut.reopens_in if shut else 0

    def in_vain(self, person: Person, at_least: float) -> float:
        """It was asked for the person in vain; the seconds, `at_least` so many, for which it is not to be asked."""
        key, now = hash(person), self._monotonic()
        with self._changing:
            entry = cooled(self._entries.pop(key, Entry()), _PACE, now, at_least)
            self._entries[key] = entry
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
        return entry.closed_until - now
