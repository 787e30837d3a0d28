"""Runs `handle` for an asynchronous host: cached lookups on the event loop, fetches in threads.

A slow lookup never delays a cached one or a probe: they share no thread. No thread waits for a provider's
answer: a lookup that is pending, or has no permit yet, waits on the event loop and runs `handle` again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from itertools import repeat
from threading import Thread
from typing import Protocol, TypeVar, cast

from adapters.runtime.backoff import Backoff, pause
from function.event import Event
from function.handler import PrefetchedAnswers, handle
from function.outcomes import Answer, Deferred, InProgress, Outcome, Reason, Rejected
from function.person import Person
from function.ports import AnswerStore, Ports, Unavailable
from function.telemetry import Observer

T = TypeVar("T")
MAX_BATCH = 256
"""Most persons of one round trip to the store."""
SOCKET_TURNS = 2
"""Turns of the event loop between the arrival of bytes and the request made of them."""
FIRST_BACKOFF_SEC = 0.05
LONGEST_BACKOFF_SEC = 1.0
FETCH_AFTER = frozenset({Reason.NOT_CACHED, Reason.STORE_UNAVAILABLE})
"""Reasons of the cached attempt after which `answer` goes on to `resolve`."""
NOT_PERMITTED = frozenset({Reason.PROVIDER_CLOSED, Reason.THROTTLED})


class CachedStore(AnswerStore, Protocol):
    """A store with a cache in memory."""

    def get_cached(self, person: Person) -> Answer | None:
        """The unexpired answer in memory. Never blocks or fails."""


class LookupRunner:
    """The attempts of an event: `answer_cached`, then `resolve`, which fetches until it ends. `threads`: concurrent fetches."""

    def __init__(self, answers: CachedStore, ports: Ports, threads: int, observer: Observer) -> None:
        self._answers = answers
        self._ports = ports
        self._observer = observer
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        self._reads = CoalescedReads(answers)
        # From a denied permit on, fetches go one at a time, in the order of their calls, until none waits.
        self._turn = asyncio.Lock()
        self._in_turn = 0
        self._permitted_at = 0.0
        self._stopping = asyncio.Event()

    async def answer_cached(self, events: Sequence[Event], seconds: float | None = None) -> list[Outcome]:
        """The cached attempt, from memory and one read of the store. `Deferred(NOT_CACHED)` for all other events.

        With `seconds` a read that lasts longer ends as `Deferred(DEADLINE)`.
        """
        cached: dict[Person, Answer] = {}
        missing: list[Person] = []
        unavailable = None
        for event in events:
            request = event.request(self._ports.clock)
            if not isinstance(request, Rejected):
                answer = self._answers.get_cached(request.person)
                if answer is None:
                    missing.append(request.person)
                else:
                    cached[request.person] = answer
        known: Mapping[Person, Answer] = cached
        if missing:
            try:
                found = await within(seconds, self._reads.find_many(missing))
                known = {**cached, **found} if cached else found
            except Unavailable as error:
                unavailable = error
            except TimeLimitExceeded:
                unavailable = Unavailable(Reason.DEADLINE)
            except Exception as bug:  # noqa: BLE001  # answers in memory are still returned
                self._observer.error("cache", bug)
                unavailable = Unavailable(Reason.INTERNAL_ERROR)
        ports = self._ports._replace(answers=PrefetchedAnswers(self._answers, known, unavailable))
        return list(map(handle, events, repeat(ports)))

    async def answer(self, event: Event, seconds: float) -> Outcome:
        """The cached attempt, then `resolve` if needed, within `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        (outcome,) = await self.answer_cached([event], seconds)
        fetched = isinstance(outcome, Deferred) and outcome.reason in FETCH_AFTER
        return await self.resolve(event, deadline) if fetched else outcome

    async def resolve(
        self, event: Event, deadline: float | None = None, on_hold: Callable[[Outcome], None] = lambda _: None
    ) -> Outcome:
        """Fetch, again after temporary obstacles, until the lookup ends, fails, or `stop` is called.

        With a `deadline` (of the loop's clock) it returns the last outcome as soon as no other can come in time.
        """
        outcome = self._defer(event, Reason.DEADLINE)
        backoff = Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not self._stopping.is_set():
                    if _reason(outcome) is Reason.PENDING:
                        outcome = await self.fetch(event)
                    elif not self._in_turn and not self._wait:
                        outcome = self._record(await self.fetch(event))
                    else:
                        outcome = self._defer(event, Reason.PROVIDER_CLOSED, self._wait)
                        outcome = await self._fetch_in_turn(event, deadline)
                    delay = _delay(outcome, backoff)
                    if delay is None or _too_late(delay, deadline):
                        break
                    on_hold(outcome)
                    if _reason(outcome) is not Reason.PROVIDER_CLOSED:
                        await pause(delay, self._stopping)
        return outcome

    async def fetch(self, event: Event) -> Outcome:
        """One attempt in a thread, with the real store and provider. A bug is reported as `Deferred(INTERNAL_ERROR)`."""
        loop = asyncio.get_running_loop()
        try:
            # With the context: the thread's spans belong to this request's trace.
            return await loop.run_in_executor(self._threads, copy_context().run, handle, event, self._ports)
        except Exception as bug:  # noqa: BLE001  # a bug ends one request, not the host
            self._observer.error("fetch", bug)
            return self._defer(event, Reason.INTERNAL_ERROR)

    def stop(self) -> None:
        """End all waiting: each `resolve` returns after its current attempt, or returns its last outcome."""
        self._stopping.set()

    def close(self, within: float) -> None:
        """Cancel queued fetches, and wait `within` seconds for those under way, which can't be stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        # The pool's own wait has no timeout.
        waiting = Thread(target=self._threads.shutdown, daemon=True)
        waiting.start()
        # A second interrupt ends the wait.
        with suppress(KeyboardInterrupt):
            waiting.join(within)
        self._reads.close()

    async def _fetch_in_turn(self, event: Event, deadline: float | None) -> Outcome:
        """Fetch when the provider permits it, in the order of the calls."""
        self._in_turn += 1
        try:
            async with self._turn:
                while True:
                    wait = self._wait
                    outcome = self._defer(event, Reason.PROVIDER_CLOSED, wait)
                    if _too_late(wait, deadline):
                        return outcome
                    await pause(wait, self._stopping)
                    if self._stopping.is_set():
                        return outcome
                    outcome = self._record(await self.fetch(event))
                    if _reason(outcome) is not Reason.PROVIDER_CLOSED:
                        return outcome
        finally:
            self._in_turn -= 1

    @property
    def _wait(self) -> float:
        """Seconds until the provider may be asked."""
        return max(0.0, self._permitted_at - asyncio.get_running_loop().time())

    def _record(self, outcome: Outcome) -> Outcome:
        """Note how long a denied permit lasts; returns the outcome."""
        if isinstance(outcome, Deferred) and outcome.reason in NOT_PERMITTED:
            wait = max(outcome.retry_after, FIRST_BACKOFF_SEC)
            self._permitted_at = asyncio.get_running_loop().time() + wait
        return outcome

    def _defer(self, event: Event, reason: Reason, retry_after: float = 0) -> Outcome:
        """The outcome of an event that is deferred for this reason; `Rejected` for an invalid one."""
        request = event.request(self._ports.clock)
        return request if isinstance(request, Rejected) else Deferred(request, reason, retry_after)


class CoalescedReads:
    """Combines concurrent calls, and calls that arrive during a read, into one round trip to the store."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._turn = asyncio.Lock()
        # The next batch, and its persons.
        self._batch: asyncio.Task[Mapping[Person, Answer]] | None = None
        self._persons: list[Person] = []

    async def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """As `AnswerStore.find_many`; the result may contain further persons."""
        if self._batch is None or len(self._persons) >= MAX_BATCH:
            self._persons = []
            self._batch = asyncio.create_task(self._read_batch(self._persons))
        asked_for = self._persons
        asked_for.extend(persons)
        try:
            return await _shield(self._batch)
        except Unavailable:
            raise
        except Exception:
            # One call's bug must not fail the others: each reads by itself.
            if len(asked_for) == len(persons):
                raise
            return await _shield(self._read(persons))

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


def _shield(read: asyncio.Future[T]) -> asyncio.Future[T]:
    """A read that goes on where this call is cancelled: others may wait for it."""
    # Otherwise asyncio would log an error that nobody waits for.
    read.add_done_callback(lambda late: late.cancelled() or late.exception())
    return asyncio.shield(read)


class TimeLimitExceeded(Exception):
    """A wait was longer than its limit."""


async def within(seconds: float | None, waiting: Awaitable[T]) -> T:
    """The result of `waiting`, which is cancelled after `seconds`. Raises TimeLimitExceeded.

    As asyncio.timeout, in a third of its time. The caller is a task.
    """
    if seconds is None:
        return await waiting
    task = cast("asyncio.Task[T]", asyncio.current_task())
    before, has_expired = task.cancelling(), False

    def expire() -> None:
        nonlocal has_expired
        has_expired = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        return await waiting
    except asyncio.CancelledError:
        # Otherwise somebody else cancels the task, perhaps in the same turn.
        if has_expired and task.uncancel() <= before:
            raise TimeLimitExceeded from None
        raise
    finally:
        timer.cancel()


async def drain_sockets(arrived: Sized, most: int, turns: int) -> None:
    """Return once `turns` of the event loop add nothing to `arrived`, or it has `most` items.

    It collects requests whose bytes have arrived, and does not wait for further bytes.
    """
    seen = 0
    while seen < len(arrived) < most:
        seen = len(arrived)
        for _ in range(turns):
            await asyncio.sleep(0)


def _reason(outcome: Outcome) -> Reason | None:
    return outcome.reason if isinstance(outcome, Deferred) else None


def _delay(outcome: Outcome, backoff: Backoff) -> float | None:
    """Seconds until the next attempt; None: the outcome is final, or a failure for the host to handle."""
    match outcome:
        case Deferred(_, Reason.PENDING | Reason.PROVIDER_CLOSED, retry_after):
            return retry_after
        case Deferred(_, Reason.STORE_UNAVAILABLE) | InProgress():
            return backoff.next()
        case _:
            return None


def _too_late(delay: float, deadline: float | None) -> bool:
    return deadline is not None and asyncio.get_running_loop().time() + delay > deadline
