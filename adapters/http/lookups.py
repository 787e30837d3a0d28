"""Runs the core for an asynchronous host: what is cached at once and together, the rest in threads.

A slow lookup never holds up a cached one or a probe: they share no thread. One person is fetched
once in a process, whoever asks meanwhile waits for that fetch.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

from adapters.runtime.shutdown import end
from adapters.runtime.turns import all_here
from function.handler import broken, handle_missed, read
from function.outcomes import Deferred, InProgress, Outcome, Reason, Rejected, on_behalf
from function.person import Person
from function.ports import Ports
from function.request import Event, LookupRequest
from function.waiting import from_cache, recalled

MAX_TOGETHER = 256
"""Events that one round trip to the store asks for at the most."""
READING_TURNS = 2
"""Of the loop: one reads a request's bytes, the next begins to answer it."""
FIRST_WAIT_SEC = 0.05
LONGEST_WAIT_SEC = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """`deadline`: seconds that one lookup may take; `threads`: lookups that ask a provider at the same time.

    `ending`: seconds that fetches have at the end, when no request waits for them any more.
    """

    deadline: float
    threads: int
    ending: float = 0

    @property
    def fetches(self) -> int:
        """Fetches under way or waiting for a thread; who comes after that waits for a place, within the deadline."""
        return self.threads * 8


class Lookups:
    """`await look_up(event)` for each event; `close` when no more will come."""

    def __init__(self, ports: Ports, bounds: Bounds) -> None:
        self._ports = ports
        self._bounds = bounds
        self._threads = ThreadPoolExecutor(bounds.threads, thread_name_prefix="fetch")
        self._fetches: dict[Person, asyncio.Task[Outcome]] = {}
        self._places = asyncio.Semaphore(bounds.fetches)
        self._cached = Gathering(ports)

    async def look_up(self, event: Event) -> Outcome:
        """Answer one event within the deadline."""
        request = read(event, self._ports)
        if isinstance(request, Rejected):
            return request
        known = recalled(request, self._ports)
        if known is not None:
            return known
        limit = asyncio.timeout(self._bounds.deadline)
        try:
            async with limit:
                outcome = await self._cached.find(request)
                return await self._settled(event, request) if _is_miss(outcome) else outcome
        except TimeoutError:
            if not limit.expired():
                # Somebody else's, that nobody has translated: a bug.
                raise
            return Deferred(request, Reason.DEADLINE)

    def broken(self, event: Event) -> Outcome:
        """How an event ends that a bug kept from being answered, where others are answered along with it."""
        return broken(event, self._ports)

    async def rest(self) -> None:
        """Wait until nothing is being fetched."""
        while self._fetches:
            await asyncio.wait(list(self._fetches.values()))

    def close(self) -> None:
        """Wait for the fetches under way, within bounds, so that their answers are kept; those in the queue never begin."""
        end(self._threads, self._bounds.ending)
        self._cached.close()

    async def _settled(self, event: Event, request: LookupRequest) -> Outcome:
        waits = _waits()
        while isinstance(outcome := await self._fetched(event, request), InProgress):
            # Another process is fetching this person: its answer will be in the store.
            await asyncio.sleep(next(waits))
            outcome = await self._cached.find(request)
            if not _is_miss(outcome):
                break
        return outcome

    async def _fetched(self, event: Event, request: LookupRequest) -> Outcome:
        # Shielded: a deadline ends the waiting, not the fetch, which costs a request to the tax service.
        fetch = self._fetches.get(request.person)
        if fetch is None:
            await self._places.acquire()
            # Whoever had a place sooner may be asking for the same person by now.
            fetch = self._fetches.get(request.person)
            if fetch is None:
                return await asyncio.shield(self._begun(event, request.person))
            self._places.release()
        return on_behalf(await asyncio.shield(fetch), request)

    def _begun(self, event: Event, person: Person) -> asyncio.Task[Outcome]:
        fetch = asyncio.create_task(self._fetch(event, person))
        fetch.add_done_callback(lambda _: self._places.release())
        self._fetches[person] = fetch
        return fetch

    async def _fetch(self, event: Event, person: Person) -> Outcome:
        try:
            # With its context: what the thread does belongs to this request's trace.
            work = partial(copy_context().run, handle_missed, event, self._ports)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            del self._fetches[person]


class Gathering:
    """Asks the store, in one round trip, for all requests that are here already or arrive while it is being asked."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._waiting: list[tuple[LookupRequest, asyncio.Future[Outcome]]] = []
        self._round: asyncio.Task[None] | None = None

    async def find(self, request: LookupRequest) -> Outcome:
        """What the store alone can say: `Deferred(NOT_HERE)` for who is not in it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((request, answer))
        if self._round is None:
            self._round = loop.create_task(self._rounds())
        return await answer

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _rounds(self) -> None:
        try:
            while self._waiting:
                await all_here(self._waiting, MAX_TOGETHER, READING_TURNS)
                together, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
                await self._one_round(together)
        finally:
            self._round = None

    async def _one_round(self, together: Sequence[tuple[LookupRequest, asyncio.Future[Outcome]]]) -> None:
        requests = [request for request, _ in together]
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(self._thread, from_cache, requests, self._ports)
        except Exception as exc:  # noqa: BLE001  # a bug is one request's, and not the round's
            if len(together) > 1:
                for one in together:
                    await self._one_round([one])
            elif not together[0][1].done():
                together[0][1].set_exception(exc)
            return
        for (_, answer), outcome in zip(together, outcomes, strict=True):
            if not answer.done():
                answer.set_result(outcome)


def _is_miss(outcome: Outcome) -> bool:
    return isinstance(outcome, Deferred) and outcome.reason is Reason.NOT_HERE


def _waits() -> Iterator[float]:
    """Seconds to wait for another process's fetch: growing, and never in step with others."""
    wait = FIRST_WAIT_SEC
    while True:
        yield wait * random.uniform(0.5, 1)  # noqa: S311  # jitter is no secret
        wait = min(wait * 2, LONGEST_WAIT_SEC)
