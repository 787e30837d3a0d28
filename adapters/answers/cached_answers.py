"""An AnswerStore with a cache in memory, retries of failed writes (pending saves), and renewal and release of claims.

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
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from typing_extensions import override

from function.outcomes import Answer
from function.person import Person
from function.ports import LEASE_SEC, AnswerStore, Claim, Clock, Ticket, Unavailable
from function.request import LookupRequest
from function.telemetry import Observer

CACHED_SEC = 60.0
CAPACITY = 10_000
"""Persons in memory: some 10 MiB of answers."""
PENDING_SEC = 600.0
"""A pending save is discarded after this time: by then no request waits for it."""
CLOCK_SKEW_SEC = 60.0
"""Bound of the erasing process's clock skew plus the erasure's duration."""

T = TypeVar("T")


class _Entry(NamedTuple, Generic[T]):
    value: T
    made: datetime
    expires_at: datetime


class TTLCache(Generic[T]):
    """Thread-safe TTL cache keyed by person; the oldest of more than `capacity` entries is evicted."""

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        # In the order of `put`.
        self._entries: OrderedDict[Person, _Entry[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, person: Person) -> T | None:
        """The value, unless it has expired."""
        # Without the lock, because it is called for every cached answer.
        entry = self._entries.get(person)
        return entry.value if entry is not None and self._clock.now() < entry.expires_at else None

    def put(self, person: Person, value: T, made: datetime, expires_at: datetime) -> None:
        """Store the value, unless the stored one was made later."""
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

    def prune(self) -> list[T]:
        """Remove expired entries; returns the values that remain."""
        now = self._clock.now()
        with self._lock:
            for person, entry in list(self._entries.items()):
                if entry.expires_at <= now:
                    del self._entries[person]
            return [entry.value for entry in self._entries.values()]


class ErasingStore(AnswerStore, Protocol):
    """An AnswerStore that reports erasures."""

    def erased_since(self, time: datetime) -> bool:
        """See HistoryStore."""


class _PendingSave(NamedTuple):
    claim: Claim
    request: LookupRequest
    answer: Answer


class CachedAnswers(AnswerStore):
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
        # Answers and tickets that could not be written.
        self._unwritten: TTLCache[_PendingSave | Claim] = TTLCache(clock, capacity)
        self._held: dict[str, Claim] = {}
        self._lock = Lock()
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
        unwritten = self._unwritten.get(person)
        if isinstance(unwritten, _PendingSave) and self._retry(unwritten):
            return unwritten.answer
        if isinstance(unwritten, Claim):
            self._store.release(unwritten)
            self._unwritten.pop(person)
        result: Answer | Claim | None = self._measure("claim", self._store.find_or_claim, person)
        if isinstance(result, Answer):
            self._cache({person: result})
        elif result is not None:
            with self._lock:
                self._held[result.token] = result
        return result

    @override
    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        self._drop(claim)
        try:
            self._measure("save", self._store.keep_ticket, claim, ticket, wait)
        except Exception:
            # An answer is worth more than a ticket.
            if not isinstance(self._unwritten.get(claim.person), _PendingSave):
                unkept = claim._replace(ticket=ticket)
                self._unwritten.put(claim.person, unkept, self._clock.now(), ticket.expires_at)
            raise

    @override
    def release(self, claim: Claim) -> None:
        self._drop(claim)
        self._store.release(claim)

    @override
    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        self._drop(claim)
        self._unwritten.pop(claim.person)
        try:
            self._measure("save", self._store.save, claim, request, answer)
        except Exception:
            # A bug of ours does not make the answer cheaper.
            made, pending = answer.fetched_at, _PendingSave(claim, request, answer)
            self._unwritten.put(claim.person, pending, made, made + timedelta(seconds=PENDING_SEC))
            raise
        self._cache({claim.person: answer})

    @override
    def renew(self, claims: Sequence[Claim]) -> None:
        self._store.renew(claims)

    def close(self) -> None:
        """Make the pending saves, and release all claims."""
        self._closing.set()
        with self._lock:
            claims = list(self._held.values())
        calls: list[Callable[[], object]] = []
        for each in self._unwritten.prune():
            if isinstance(each, Claim):
                claims.append(each)
            else:
                calls.append(partial(self._retry, each))
        calls += [partial(self._store.release, claim) for claim in claims]
        for call in calls:
            if not self._attempt("close", call):
                # The other calls would also fail after their timeout; leases end by themselves.
                return

    def _retry(self, pending: _PendingSave) -> bool:
        """Make a pending save; False where its person may have been erased."""
        person = pending.claim.person
        if self._store.erased_since(pending.answer.fetched_at - timedelta(seconds=CLOCK_SKEW_SEC)):
            self._store.release(pending.claim._replace(ticket=None))
            self._unwritten.pop(person)
            return False
        self.save(*pending)
        return True

    def _cache(self, answers: Mapping[Person, Answer]) -> None:
        limit = self._clock.now() + timedelta(seconds=CACHED_SEC)
        for person, answer in answers.items():
            # As in the store, the answer that was fetched later stays.
            self._answers.put(person, answer, answer.fetched_at, min(limit, answer.expires_at or limit))

    def _drop(self, claim: Claim) -> None:
        with self._lock:
            self._held.pop(claim.token, None)

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
            with self._lock:
                held = dict(self._held)
            # A claim is renewed from its second interval on: most fetches end before.
            if lasting := [claim for token, claim in held.items() if token in tokens]:
                self._attempt("renew", partial(self._store.renew, lasting))
            tokens = set(held)
            self._answers.prune()
            self._unwritten.prune()

    def _attempt(self, where: str, call: Callable[[], object]) -> bool:
        """Returns False where the store is unavailable. A bug is reported, and does not stop the other calls."""
        try:
            call()
        except Unavailable:
            return False
        except Exception as bug:  # noqa: BLE001  # the others go on
            self._observer.error(where, bug)
        return True
