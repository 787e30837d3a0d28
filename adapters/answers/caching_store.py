"""The answer store as one worker process uses it: with a cache in memory, pending saves, and the claims that it holds.

- Cache: for CACHED_SEC another process may still answer for a person after `inn forget`; nothing of it is written.
- Pending saves: an answer that could not be saved cost one of the few requests that the tax service allows. The
  next lookup of the person, or `close`, saves it. Erased data is never written again: records of erasures do not
  identify persons, so a pending save is discarded after any erasure since its answer was fetched.
- Claims of fetches under way are renewed, so that a short lease is enough, and `close` releases them with their
  tickets. A claim whose ticket could not be stored is released, with the ticket, before the person is claimed again.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock, Thread
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import override

from function.outcomes import Answer
from function.person import Person
from function.ports import LEASE_SEC, AnswerStore, Claim, Clock, Ticket, Unavailable
from function.request import LookupRequest
from function.telemetry import Observer

CACHED_SEC = 60.0
CAPACITY = 10_000  # persons in memory: some 10 MiB of answers
PENDING_SEC = 600.0  # a pending save is discarded after this time: by then no request waits for it
CLOCK_SKEW_SEC = 60.0  # bound of the erasing process's clock skew plus the erasure's duration

T = TypeVar("T")


class TTLCache(Generic[T]):
    """Thread-safe TTL cache keyed by person; the oldest of more than `capacity` entries is evicted."""

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        # In the order of `put`: the value, and when it expires.
        self._entries: OrderedDict[Person, tuple[T, datetime]] = OrderedDict()
        self._lock = Lock()

    def get(self, person: Person) -> T | None:
        """The value, unless it has expired."""
        # Without the lock, because it is called for every cached answer.
        entry = self._entries.get(person)
        return entry[0] if entry is not None and self._clock.now() < entry[1] else None

    def put(self, person: Person, value: T, expires_at: datetime) -> None:
        """Store the value."""
        with self._lock:
            self._entries[person] = (value, expires_at)
            self._entries.move_to_end(person)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def pop(self, person: Person) -> None:
        """Remove the person."""
        with self._lock:
            self._entries.pop(person, None)

    def prune(self) -> list[T]:
        """Remove expired entries; returns the values that remain."""
        now = self._clock.now()
        with self._lock:
            for person, (_, expires_at) in list(self._entries.items()):
                if expires_at <= now:
                    del self._entries[person]
            return [value for value, _ in self._entries.values()]


class ErasingStore(AnswerStore, Protocol):
    """An AnswerStore that reports erasures."""

    def erased_since(self, time: datetime) -> bool:
        """See HistoryStore."""


class CachingStore(AnswerStore):
    """An AnswerStore over another one, for all threads of a process. `lease`: seconds of the store's claims.

    A daemon thread renews claims and deletes expired entries: an idle process holds no personal data. Make it after a
    fork, and `close` it.
    """

    def __init__(
        self, store: ErasingStore, clock: Clock, observer: Observer, lease: float = LEASE_SEC, capacity: int = CAPACITY
    ) -> None:
        self._store, self._clock, self._observer = store, clock, observer
        self._interval = lease / 3
        self._answers: TTLCache[Answer] = TTLCache(clock, capacity)
        self.get_cached = self._answers.get
        # Retries of writes of answers and tickets that failed; each returns the answer that it saved.
        self._retries: TTLCache[Callable[[], Answer | None]] = TTLCache(clock, capacity)
        # By token. Each operation of a dict is atomic.
        self._held: dict[str, Claim] = {}
        self._closing = Event()
        Thread(target=self._maintain, name="answers", daemon=True).start()

    @override
    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        found = self._measure("find", self._store.find_many, persons)
        self._cache(found)
        return found

    @override
    def find_or_claim(self, person: Person) -> Answer | Claim | None:
        """Failed writes for this person are retried first; a pending save's answer is returned."""
        retry = self._retries.get(person)
        if retry is not None and (answer := retry()) is not None:
            return answer
        result: Answer | Claim | None = self._measure("claim", self._store.find_or_claim, person)
        if isinstance(result, Answer):
            self._cache({person: result})
        elif result is not None:
            self._held[result.token] = result
        return result

    @override
    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        self._held.pop(claim.token, None)
        try:
            self._measure("save", self._store.keep_ticket, claim, ticket, wait)
        except Exception:
            # A pending save is worth more: another worker of this process had the answer after this claim lapsed.
            if self._retries.get(claim.person) is None:
                retry = partial(self._end, claim._replace(ticket=ticket))
                self._retries.put(claim.person, retry, ticket.expires_at)
            raise

    @override
    def release(self, claim: Claim) -> None:
        self._held.pop(claim.token, None)
        self._store.release(claim)

    @override
    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        self._held.pop(claim.token, None)
        self._retries.pop(claim.person)
        try:
            self._measure("save", self._store.save, claim, request, answer)
        except Exception:
            # A bug of ours does not make the answer cheaper.
            until = answer.fetched_at + timedelta(seconds=PENDING_SEC)
            self._retries.put(claim.person, partial(self._save_pending, claim, request, answer), until)
            raise
        self._cache({claim.person: answer})

    @override
    def renew(self, claims: Sequence[Claim]) -> None:
        self._store.renew(claims)

    def close(self) -> None:
        """Make the pending saves, and release all claims."""
        self._closing.set()
        releases = [partial(self._store.release, claim) for claim in list(self._held.values())]
        calls: list[Callable[[], object]] = [*self._retries.prune(), *releases]
        for call in calls:
            if not self._attempt("close", call):
                # The other calls would also fail after their timeout; leases end by themselves.
                return

    def _save_pending(self, claim: Claim, request: LookupRequest, answer: Answer) -> Answer | None:
        """Make a pending save; None where its person may have been erased."""
        if self._store.erased_since(answer.fetched_at - timedelta(seconds=CLOCK_SKEW_SEC)):
            self._end(claim._replace(ticket=None))
            return None
        self.save(claim, request, answer)
        return answer

    def _end(self, claim: Claim) -> None:
        """End the claim of a failed write, with its ticket."""
        self._store.release(claim)
        self._retries.pop(claim.person)

    def _cache(self, answers: Mapping[Person, Answer]) -> None:
        limit = self._clock.now() + timedelta(seconds=CACHED_SEC)
        for person, answer in answers.items():
            self._answers.put(person, answer, min(limit, answer.expires_at or limit))

    def _measure(self, step: str, call: Callable[..., T], *arguments: Any) -> T:
        """Report the step's duration, also of failed ones: an outage shows as slow steps."""
        started = perf_counter()
        try:
            return call(*arguments)
        finally:
            self._observer.step(step, perf_counter() - started)

    def _maintain(self) -> None:
        tokens: set[str] = set()
        while not self._closing.wait(self._interval):
            held = dict(self._held)
            # A claim is renewed from its second interval on: most fetches end before.
            if lasting := [claim for token, claim in held.items() if token in tokens]:
                self._attempt("renew", partial(self._store.renew, lasting))
            tokens = set(held)
            self._answers.prune()
            self._retries.prune()

    def _attempt(self, where: str, call: Callable[[], object]) -> bool:
        """Returns False where the store is unavailable. A bug is reported, and does not stop the other calls."""
        try:
            call()
        except Unavailable:
            return False
        except Exception as bug:  # noqa: BLE001  # the others go on
            self._observer.error(where, bug)
        return True
