"""A ProviderBook in memory, for one process: the same decisions as every store's, on a clock that tests can turn."""

import threading
import time
from collections.abc import Callable

from function.rate_limit import Entry, Pace, Shut, Turn, cleared, closed, cooled, decide


class MemoryBook:
    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def take(self, provider: str, pace: Pace, patience: float) -> Turn | Shut:
        with self._lock:
            self._entries[provider], verdict = decide(self._entry(provider), pace, self._now(), patience)
            return verdict

    def cool(self, provider: str, pace: Pace, at_least: float = 0) -> float:
        with self._lock:
            now = self._now()
            before = self._entry(provider)
            after = self._entries[provider] = cooled(before, pace, now, at_least)
            return max(after.closed_until - now, 0)

    def clear(self, provider: str) -> None:
        with self._lock:
            self._entries[provider] = cleared(self._entry(provider), self._now())

    def look(self, provider: str, pace: Pace) -> Shut | None:
        with self._lock:
            return closed(self._entry(provider), pace, self._now())

    def _entry(self, provider: str) -> Entry:
        return self._entries.get(provider, Entry())
