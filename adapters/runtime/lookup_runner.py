"""Runs `handle` for an asynchronous host: cached lookups on the event loop, fetches in threads.

A slow lookup never delays a cached one or a probe: they share no thread. No thread waits for a provider's
answer: a lookup that is pending, or has no permit yet, waits on the event loop and runs `handle` again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from itertools import repeat
from typing import Protocol

from adapters.runtime.backoff import Backoff, pause
from adapters.runtime.daemon_thread import in_daemon_thread
from function.event import Event
from function.handler import PrefetchedAnswers, handle
from function.outcomes import Answer, Deferred, InProgress, Outcome, Reason, Rejected
from function.person import Person
from function.ports import AnswerStore, Ports, Unavailable
from function.telemetry import Observer

MAX_BATCH = 256  # most calls of one round trip to the store
SOCKET_TURNS = 2  # turns of the event loop between the arrival of bytes and the request made of them
FIRST_BACKOFF_SEC = 0.05
LONGEST_BACKOFF_SEC = 1.0
_Found = Mapping[Person, Answer] | Exception


class CachedAnswers(AnswerStore, Protocol):
    """A store with a cache in memory."""

    def get_cached(self, person: Person) -> Answer | None:
        """The unexpired answer in memory. Never blocks or fails."""


class LookupRunner:
    """The attempts of an event: `answer_cached`, then `resolve`, which fetches until it ends. `threads`: concurrent fetches."""

    def __init__(self, answers: CachedAnswers, ports: Ports, threads: int, observer: Observer) -> None:
        self._answers = answers
        self._ports = ports
        self._observer = observer
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        self._reads = CoalescedReads(answers.find_many)
        # From a denied permit on, fetches go one at a time, in the order of their calls, until none waits.
        self._turn = asyncio.Lock()
        self._permitted_at = 0.0
        self._stopping = asyncio.Event()

    async def answer_cached(self, events: Sequence[Event], deadline: float | None = None) -> list[Outcome]:
        """The cached attempt, from memory and one read of the store. `Deferred(NOT_CACHED)` for all other events.

        A read that lasts beyond the `deadline` (of the loop's clock) ends as `Deferred(DEADLINE)`.
        """
        known: dict[Person, Answer] = {}
        missing: list[Person] = []
        unavailable = None
        for event in events:
            request = event.request(self._ports.clock)
            if not isinstance(request, Rejected):
                if (answer := self._answers.get_cached(request.person)) is None:
                    missing.append(request.person)
                else:
                    known[request.person] = answer
        if missing:
            try:
                known |= await self._reads.find_many(missing, deadline)
            except Unavailable as error:
                unavailable = error
            except Exception as bug:  # noqa: BLE001  # answers in memory are still returned
                self._observer.error("cache", bug)
                unavailable = Unavailable(Reason.INTERNAL_ERROR)
        ports = self._ports._replace(answers=PrefetchedAnswers(self._answers, known, unavailable))
        return list(map(handle, events, repeat(ports)))

    async def answer(self, event: Event, seconds: float) -> Outcome:
        """The cached attempt, then `resolve` if needed, within `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        (outcome,) = await self.answer_cached([event], deadline)
        if _reason(outcome) in (Reason.NOT_CACHED, Reason.STORE_UNAVAILABLE):
            return await self.resolve(event, deadline)
        return outcome

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
                    # An invalid event asks nobody, and a poll is free.
                    without_permit = isinstance(outcome, Rejected) or _reason(outcome) is Reason.PENDING
                    if without_permit or not (self._turn.locked() or self._wait):
                        outcome = await self._fetch(event)
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

    def stop(self) -> None:
        """End all waiting: each `resolve` returns after its current attempt, or returns its last outcome."""
        self._stopping.set()

    def close(self, within: float) -> None:
        """Cancel queued fetches, and wait `within` seconds for those under way, which can't be stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        # The pool's own wait has no timeout. A second interrupt ends the wait.
        with suppress(KeyboardInterrupt, TimeoutError):
            in_daemon_thread(self._threads.shutdown).result(within)

    async def _fetch(self, event: Event) -> Outcome:
        """One attempt in a thread, with the real store and provider. A bug is reported as `Deferred(INTERNAL_ERROR)`."""
        loop = asyncio.get_running_loop()
        try:
            # With the context: the thread's spans belong to this request's trace.
            outcome = await loop.run_in_executor(self._threads, copy_context().run, handle, event, self._ports)
        except Exception as bug:  # noqa: BLE001  # a bug ends one request, not the host
            self._observer.error("fetch", bug)
            outcome = self._defer(event, Reason.INTERNAL_ERROR)
        if isinstance(outcome, Deferred) and outcome.reason in (Reason.PROVIDER_CLOSED, Reason.THROTTLED):
            self._permitted_at = loop.time() + max(outcome.retry_after, FIRST_BACKOFF_SEC)
        return outcome

    async def _fetch_in_turn(self, event: Event, deadline: float | None) -> Outcome:
        """Fetch when the provider permits it, in the order of the calls."""
        async with self._turn:
            outcome = self._defer(event, Reason.PROVIDER_CLOSED, self._wait)
            while _reason(outcome) is Reason.PROVIDER_CLOSED and not _too_late(self._wait, deadline):
                await pause(self._wait, self._stopping)
                if self._stopping.is_set():
                    break
                outcome = await self._fetch(event)
            return outcome

    @property
    def _wait(self) -> float:
        """Seconds until the provider may be asked."""
        return max(0.0, self._permitted_at - asyncio.get_running_loop().time())

    def _defer(self, event: Event, reason: Reason, retry_after: float = 0) -> Outcome:
        """The outcome of an event that is deferred for this reason; `Rejected` for an invalid one."""
        request = event.request(self._ports.clock)
        return request if isinstance(request, Rejected) else Deferred(request, reason, retry_after)


class CoalescedReads:
    """Combines concurrent calls, and calls that arrive during a read, into one round trip. `read`: of the store."""

    def __init__(self, read: Callable[[Sequence[Person]], Mapping[Person, Answer]]) -> None:
        self._read = read
        self._calls: list[tuple[Sequence[Person], asyncio.Future[_Found]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def find_many(self, persons: Sequence[Person], deadline: float | None = None) -> Mapping[Person, Answer]:
        """As `AnswerStore.find_many`; the result may contain further persons. `deadline`: of the loop's clock."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[_Found] = loop.create_future()
        self._calls.append((persons, result))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        # A timer costs a third of asyncio.timeout.
        timer = None if deadline is None else loop.call_at(deadline, _settle, result, Unavailable(Reason.DEADLINE))
        try:
            found = await result
        finally:
            if timer is not None:
                timer.cancel()
        if isinstance(found, Unavailable):
            raise found
        if isinstance(found, Exception):
            # One call's bug must not fail the others: each reads by itself.
            return await asyncio.to_thread(self._read, persons)
        return found

    async def _read_all(self) -> None:
        """Read batch after batch until no call is left."""
        while self._calls:
            await drain_sockets(self._calls, MAX_BATCH, SOCKET_TURNS)
            batch, self._calls = self._calls[:MAX_BATCH], self._calls[MAX_BATCH:]
            persons = [person for persons, _ in batch for person in persons]
            found: _Found
            try:
                found = await asyncio.get_running_loop().run_in_executor(None, self._read, persons)
            except Exception as error:  # noqa: BLE001  # raised in each call
                found = error
            for _, result in batch:
                _settle(result, found)
        self._reading = None


def _settle(result: asyncio.Future[_Found], found: _Found) -> None:
    # A call may be cancelled, or beyond its deadline.
    if not result.done():
        result.set_result(found)


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
