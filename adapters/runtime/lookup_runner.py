"""Runs `handle` for an asynchronous host: what is cached at once and together, the rest in threads.

A slow lookup never holds up a cached one or a probe: they share no thread. No thread waits for a provider's
answer: a lookup that is pending, or has no permit yet, waits on the event loop and runs `handle` again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from itertools import repeat
from threading import Thread
from typing import Protocol

from adapters.runtime.backoff import Backoff, pause
from function.event import Event
from function.handler import Prefetched, handle
from function.outcomes import Answer, Deferred, InProgress, Outcome, Reason, Rejected
from function.person import Person
from function.ports import AnswerStore, Ports, Unavailable
from function.telemetry import Observer

MAX_BATCH = 256
"""Persons that one round trip to the store asks for at the most."""
SOCKET_TURNS = 2
"""Turns of the event loop between bytes that have come and the request made of them."""
FIRST_BACKOFF_SEC = 0.05
LONGEST_BACKOFF_SEC = 1.0
FETCH_AFTER = frozenset({Reason.NOT_CACHED, Reason.STORE_UNAVAILABLE})
"""What the cached attempt may end with for which there is another one."""
NOT_PERMITTED = frozenset({Reason.PROVIDER_CLOSED, Reason.THROTTLED})


class CachedStore(AnswerStore, Protocol):
    """A store with a cache in this process."""

    def cached(self, person: Person) -> Answer | None:
        """The unexpired answer, where this process has it. It neither blocks nor fails."""


class LookupRunner:
    """The two attempts that every host makes of an event: `cached`, then `resolve`, which fetches until it ends.

    `threads`: fetches at the same time.
    """

    def __init__(self, answers: CachedStore, ports: Ports, threads: int, observer: Observer) -> None:
        self._answers = answers
        self._ports = ports
        self._observer = observer
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        self._reads = CoalescedReads(answers)
        self._gate = _PermitGate()
        self._stopping = asyncio.Event()

    async def cached(self, events: Sequence[Event]) -> list[Outcome]:
        """The cached attempt: what memory and one read of the store can say. `Deferred(NOT_CACHED)` for all else."""
        known: dict[Person, Answer] = {}
        missing: list[Person] = []
        unavailable = None
        for event in events:
            request = event.request(self._ports.clock)
            if not isinstance(request, Rejected):
                answer = self._answers.cached(request.person)
                if answer is None:
                    missing.append(request.person)
                else:
                    known[request.person] = answer
        if missing:
            try:
                known.update(await self._reads.find_many(missing))
            except Unavailable as no:
                unavailable = no
            except Exception as bug:  # noqa: BLE001  # what could be read elsewhere is answered all the same
                self._observer.error("cache", bug)
                unavailable = Unavailable(Reason.INTERNAL_ERROR)
        ports = self._ports._replace(answers=Prefetched(self._answers, known, unavailable))
        return list(map(handle, events, repeat(ports)))

    async def answer(self, event: Event, seconds: float) -> Outcome:
        """The cached attempt, then `resolve` for what that does not end, in so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                (outcome,) = await self.cached([event])
        except TimeoutError:
            return self._deferred(event, Reason.DEADLINE)
        fetched = isinstance(outcome, Deferred) and outcome.reason in FETCH_AFTER
        return await self.resolve(event, deadline) if fetched else outcome

    async def resolve(
        self, event: Event, deadline: float | None = None, on_hold: Callable[[Outcome], None] = lambda _: None
    ) -> Outcome:
        """Fetch, and wait out what passes by itself, until the lookup ends, fails, or `stop` is called.

        With a `deadline` (of the loop's clock) it ends with the last outcome, as soon as no other can come in time.
        """
        outcome = self._deferred(event, Reason.DEADLINE)
        backoff = Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not self._stopping.is_set():
                    if _reason(outcome) is Reason.PENDING:
                        outcome = await self.fetch(event)
                    elif self._gate.is_open:
                        outcome = self._gate.noted(await self.fetch(event))
                    else:
                        outcome = self._deferred(event, Reason.PROVIDER_CLOSED, self._gate.wait)
                        outcome = await self._fetch_in_turn(event, deadline)
                    delay = _delay(outcome, backoff)
                    if delay is None or _too_late(delay, deadline):
                        break
                    on_hold(outcome)
                    if _reason(outcome) is not Reason.PROVIDER_CLOSED:
                        await pause(delay, self._stopping)
        return outcome

    async def fetch(self, event: Event) -> Outcome:
        """One attempt in a thread, with the real store and provider. A bug is reported, and is `Deferred(INTERNAL_ERROR)`."""
        loop = asyncio.get_running_loop()
        try:
            # With its context: what the thread does belongs to this request's trace.
            return await loop.run_in_executor(self._threads, copy_context().run, handle, event, self._ports)
        except Exception as bug:  # noqa: BLE001  # it is one request's fault, not the host's
            self._observer.error("fetch", bug)
            return self._deferred(event, Reason.INTERNAL_ERROR)

    def stop(self) -> None:
        """Let nobody wait any longer: each `resolve` ends with the attempt that it makes now, or with its last outcome."""
        self._stopping.set()

    def close(self, within: float) -> None:
        """Wait so many seconds for the fetches under way, which can't be stopped; those in the queue never begin."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        # The pool's own waiting has no bounds.
        waiting = Thread(target=self._threads.shutdown, daemon=True)
        waiting.start()
        # Whoever interrupts once more does not want to wait.
        with suppress(KeyboardInterrupt):
            waiting.join(within)
        self._reads.close()

    async def _fetch_in_turn(self, event: Event, deadline: float | None) -> Outcome:
        """Fetch when the provider permits it, after those that came before."""
        async with self._gate.turn():
            while True:
                wait = self._gate.wait
                outcome = self._deferred(event, Reason.PROVIDER_CLOSED, wait)
                if _too_late(wait, deadline):
                    return outcome
                await pause(wait, self._stopping)
                if self._stopping.is_set():
                    return outcome
                outcome = self._gate.noted(await self.fetch(event))
                if _reason(outcome) is not Reason.PROVIDER_CLOSED:
                    return outcome

    def _deferred(self, event: Event, reason: Reason, retry_after: float = 0) -> Outcome:
        """How an event ends that a host gives up for this reason."""
        request = event.request(self._ports.clock)
        return request if isinstance(request, Rejected) else Deferred(request, reason, retry_after)


class CoalescedReads:
    """Reads, in one round trip, for all calls that are here already or arrive while the store is being read."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._turn = asyncio.Lock()
        # The next batch, and whom it asks for.
        self._batch: asyncio.Task[Mapping[Person, Answer]] | None = None
        self._persons: list[Person] = []

    async def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """As `AnswerStore.find_many`; there may be others in the result."""
        if self._batch is None or len(self._persons) >= MAX_BATCH:
            self._persons = []
            self._batch = asyncio.create_task(self._read_batch(self._persons))
        batch, asked_for = self._batch, self._persons
        asked_for.extend(persons)
        try:
            return await asyncio.shield(batch)
        except Unavailable:
            raise
        except Exception:
            # A bug is one call's, and not the batch's.
            if len(asked_for) == len(persons):
                raise
            return await self._read(persons)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _read_batch(self, persons: list[Person]) -> Mapping[Person, Answer]:
        async with self._turn:
            await drain_sockets(persons, MAX_BATCH, SOCKET_TURNS)
            if self._persons is persons:
                self._batch = None
            return await self._read(persons)

    def _read(self, persons: Sequence[Person]) -> asyncio.Future[Mapping[Person, Answer]]:
        return asyncio.get_running_loop().run_in_executor(self._thread, self._store.find_many, persons)


class _PermitGate:
    """Once a provider denied a permit, fetches go one at a time, in the order in which they came.

    It is open while nobody waits for a permit and none was denied for longer.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._permitted_at = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the provider may be asked."""
        return max(0.0, self._permitted_at - asyncio.get_running_loop().time())

    @property
    def is_open(self) -> bool:
        """Whether a fetch may go without a turn."""
        return not self._waiting and not self.wait

    def noted(self, outcome: Outcome) -> Outcome:
        """The same outcome; a denied permit closes the gate for as long as it says."""
        if isinstance(outcome, Deferred) and outcome.reason in NOT_PERMITTED:
            wait = max(outcome.retry_after, FIRST_BACKOFF_SEC)
            self._permitted_at = asyncio.get_running_loop().time() + wait
        return outcome

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The turn of one fetch."""
        self._waiting += 1
        try:
            async with self._lock:
                yield
        finally:
            self._waiting -= 1


async def drain_sockets(arrived: Sized, most: int, turns: int) -> None:
    """Return once so many turns of the event loop bring no more into `arrived`, or `most` are there.

    `turns`: those that pass between bytes that have come and the request made of them. It waits for
    nothing that is not here yet.
    """
    seen = 0
    while seen < len(arrived) < most:
        seen = len(arrived)
        for _ in range(turns):
            await asyncio.sleep(0)


def _reason(outcome: Outcome) -> Reason | None:
    return outcome.reason if isinstance(outcome, Deferred) else None


def _delay(outcome: Outcome, backoff: Backoff) -> float | None:
    """Seconds until the next attempt; None: the outcome is final, or a failure, which the host decides about."""
    match outcome:
        case Deferred(_, Reason.PENDING | Reason.PROVIDER_CLOSED, retry_after):
            return retry_after
        case Deferred(_, Reason.STORE_UNAVAILABLE) | InProgress():
            return backoff.next()
        case _:
            return None


def _too_late(delay: float, deadline: float | None) -> bool:
    return deadline is not None and asyncio.get_running_loop().time() + delay > deadline
