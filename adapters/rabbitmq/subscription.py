"""Deliveries of one queue, at first one message at a time.

A message that kills this process, or the connection, is alone in hand when it does so again: the
broker then counts against no other, and parks it at the delivery limit. So a consumer begins with
one message in hand, and takes many as soon as one comes that did not see two deaths.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.rabbitmq.messages import SUSPECT_RETURNS, Delivery
from adapters.runtime.lookups import drain_sockets

READING_TURNS = 4
"""Of the loop, from bytes that have come to a delivery: they are read, made frames, a message, and handed over."""


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
        """As many are taken as the prefetch allows."""

    @asynccontextmanager
    async def open(self, stopping: asyncio.Event) -> AsyncIterator[None]:
        """Deliver within the block, one message at a time at first; nothing new comes once `stopping` is set."""
        self._tag = await self._consume(1)
        closing = asyncio.create_task(self._close(stopping))
        try:
            yield
            # There is nothing more to take only after it was closed.
            await closing
        finally:
            closing.cancel()

    async def take(self, most: int) -> list[Delivery] | None:
        """All that are here, in order, but `most` of them; it waits for one, not for more. None: closed, none is left."""
        while not self._arrived and not self._closed:
            await self._news.wait()
            self._news.clear()
        await drain_sockets(self._arrived, most, READING_TURNS)
        taken, self._arrived = self._arrived[:most], self._arrived[most:]
        return taken or None

    async def note_delivery(self, delivery: Delivery) -> None:
        """Have many in hand from now on, unless this one has seen two deaths."""
        if not self.full_prefetch and delivery.returns < SUSPECT_RETURNS:
            await self.use_full_prefetch()

    async def use_full_prefetch(self) -> None:
        """Have as many in hand as the prefetch allows."""
        async with self._changing:
            if not self.full_prefetch and not self._closed:
                self.full_prefetch = True
                narrow, self._tag = self._tag, await self._consume(self._prefetch)
                await self._channel.basic_cancel(narrow)

    async def _close(self, stopping: asyncio.Event) -> None:
        """Let no more come. What has come is still to be taken."""
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
