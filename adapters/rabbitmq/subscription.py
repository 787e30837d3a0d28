"""Consumes one queue: with a prefetch of 1 at first, then with the full prefetch.

A message that kills the process, or its connection, does so again when it is redelivered. If it is the only
unacknowledged message then, the broker counts no return of any other message, and parks this one at the delivery
limit. So the prefetch is 1 until a delivery arrives that has not been returned twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.rabbitmq.messages import SUSPECT_RETURNS, Delivery
from adapters.runtime.lookup_runner import drain_sockets

READING_TURNS = 4
"""Turns of the event loop from received bytes to a delivery: bytes, frames, message, callback."""


class Subscription:
    """Deliveries of one queue on one channel."""

    def __init__(self, channel: AbstractChannel, queue: str, prefetch: int) -> None:
        self._channel = channel
        self._queue = queue
        self._prefetch = prefetch
        self._arrived: list[Delivery] = []
        self._news = asyncio.Event()
        self._tag = ""
        self._closed = False
        self._changing = asyncio.Lock()
        self.full_prefetch = False
        """Whether the full prefetch is in use."""

    @asynccontextmanager
    async def open(self, stopping: asyncio.Event) -> AsyncIterator[None]:
        """Consume within the block, until `stopping` is set."""
        self._tag = await self._consume(1)
        closing = asyncio.create_task(self._close(stopping))
        try:
            yield
            # `take` returns None only after the close.
            await closing
        finally:
            closing.cancel()

    async def take(self, most: int) -> list[Delivery] | None:
        """Wait for a delivery, and return all that have arrived, in order, at most `most`. None: closed and empty."""
        while not self._arrived and not self._closed:
            await self._news.wait()
            self._news.clear()
        await drain_sockets(self._arrived, most, READING_TURNS)
        taken, self._arrived = self._arrived[:most], self._arrived[most:]
        return taken or None

    async def note_delivery(self, delivery: Delivery) -> None:
        """Use the full prefetch from now on, unless this delivery has been returned twice."""
        if not self.full_prefetch and delivery.returns < SUSPECT_RETURNS:
            await self.use_full_prefetch()

    async def use_full_prefetch(self) -> None:
        """Replace the consumer with a prefetch of 1 by one with the full prefetch."""
        async with self._changing:
            if not self.full_prefetch and not self._closed:
                self.full_prefetch = True
                old_tag, self._tag = self._tag, await self._consume(self._prefetch)
                await self._channel.basic_cancel(old_tag)

    async def _close(self, stopping: asyncio.Event) -> None:
        """Stop consuming. Deliveries that have arrived can still be taken."""
        await stopping.wait()
        async with self._changing:
            await self._channel.basic_cancel(self._tag)
            self._closed = True
            self._news.set()

    async def _consume(self, prefetch: int) -> str:
        await self._channel.basic_qos(prefetch_count=prefetch)
        consuming = await self._channel.basic_consume(self._queue, self._deliver)
        return consuming.consumer_tag or ""

    async def _deliver(self, message: DeliveredMessage) -> None:
        tag = message.delivery_tag or 0
        self._arrived.append(Delivery(tag, message.header.properties, message.body, monotonic()))
        self._news.set()
