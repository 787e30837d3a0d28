"""The consumer: both lanes, each on a connection of its own, so that what one chokes on does not stop the other."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from adapters.rabbitmq.fast import FastLane
from adapters.rabbitmq.link import Link
from adapters.rabbitmq.session import Broker
from adapters.rabbitmq.slow import DRAIN_SEC, SlowLane
from adapters.rabbitmq.work import Work
from adapters.runtime.shutdown import end


class Consumer:
    """Both lanes. `prefetch`: messages that the fast lane has in hand at most; `places`: lookups at a time."""

    def __init__(self, broker: Broker, work: Work, prefetch: int, places: int) -> None:
        self._cache_thread = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._lookup_threads = ThreadPoolExecutor(places, thread_name_prefix="lookup")
        self._drained_by = 0.0
        self.fast = Link(FastLane(work, prefetch, self._cache_thread), broker, work.observer)
        self.slow = Link(SlowLane(work, places, self._lookup_threads), broker, work.observer)

    async def reach(self) -> None:
        """Connect both lanes, the queues declared, for `run` to begin with. Raises BrokerAway or BrokerRefuses."""
        # One after the other: where there are no queues yet, they are made once.
        await self.fast.reach()
        await self.slow.reach()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work, through any outage, until `stopping` is set; then settle what is in hand, within bounds."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fast.run(stopping))
            group.create_task(self.slow.run(stopping))
            await stopping.wait()
            self._drained_by = monotonic() + DRAIN_SEC

    async def leave(self) -> None:
        """Let go of what was reached where nothing came of it."""
        await self.fast.leave()
        await self.slow.leave()

    def close(self) -> None:
        """Let go of the threads. Lookups under way whose connection was lost have what is left of the drain."""
        self._cache_thread.shutdown(wait=False, cancel_futures=True)
        end(self._lookup_threads, max(0.0, self._drained_by - monotonic()))
