"""Consumes one queue: with a prefetch of 1 at first, then with the full prefetch.

A message that kills the process, or its connection, does so again when it is redelivered. If it is the only
unacknowledged message then, the broker counts no return of any other message, and parks this one at the delivery
limit. So the prefetch is 1 until a delivery arrives that has not been returned twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from aiormq.abc import DeliveredMessage

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.messages import SUSPECT_RETURNS, Delivery
from adapters.runtime.lookup_runner import drain_sockets

READING_TURNS = 4
"""Turns of the event loop from received bytes to a delivery: bytes, frames, message, callback."""


class Subscription:
    """Deliveries of one queue on one connection, until `stopping` is set."""

    def __init__(self, connection: BrokerConnection, queue: str, prefetch: int, stopping: asyncio.Event) -> None:
        self.connection = connection
        self.stopping = stopping
        self._queue = queue
        self._prefetch = prefetch
        self._arrived: list[Delivery] = []
        self._news = asyncio.Event()
        self._tag = ""
        self._closed = False
        self._is_full = False
        self._changing = asyncio.Lock()
        self._tasks = asyncio.TaskGroup()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Consume within the block."""
        async with self._tasks:
            async with self._changing:
                self._tag = await self._consume(1)
            self._tasks.create_task(self._close())
            try:
                yield
            finally:
                self._closed = True

    async def take(self, most: int) -> list[Delivery] | None:
        """Wait for a delivery, and return all that have arrived, in order, at most `most`. None: closed and empty."""
        while not self._arrived and not self._closed:
            await self._news.wait()
            self._news.clear()
        await drain_sockets(self._arrived, most, READING_TURNS)
        taken, self._arrived = self._arrived[:most], self._arrived[most:]
        return taken or None

    def use_full_prefetch(self) -> None:
        """Replace the consumer with a prefetch of 1 by one with the full prefetch, if that is not yet in use."""
        if not self._is_full and not self._closed:
            self._is_full = True
            self._tasks.create_task(self._replace_consumer())

    async def _replace_consumer(self) -> None:
        async with self._changing:
            if not self._closed:
                old_tag, self._tag = self._tag, await self._consume(self._prefetch)
                await self.connection.channel.basic_cancel(old_tag)

    async def _close(self) -> None:
        """Stop consuming. Deliveries that have arrived can still be taken."""
        await self.stopping.wait()
        async with self._changing:
            await self.connection.channel.basic_cancel(self._tag)
            self._closed = True
            self._news.set()

    async def _consume(self, prefetch: int) -> str:
        await self.connection.channel.basic_qos(prefetch_count=prefetch)
        consuming = await self.connection.channel.basic_consume(self._queue, self._deliver)
        return consuming.consumer_tag or ""

    async def _deliver(self, message: DeliveredMessage) -> None:
        delivery = Delivery(message.delivery_tag or 0, message.header.properties, message.body, monotonic())
        self._arrived.append(delivery)
        self._news.set()
        if not self._is_full and delivery.returns < SUSPECT_RETURNS:
            self.use_full_prefetch()
