"""What comes from one queue, at first one message at a time.

A message that kills this process, or the connection, is alone in flight when it does so again: the
broker then counts against nobody else, and parks it at the delivery limit. So a consumer begins with
one message in hand, and takes many as soon as one comes that did not see two deaths.
"""

import asyncio
from time import monotonic

from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.rabbitmq.messages import SUSPECT, Delivery
from adapters.runtime.turns import all_here

READING_TURNS = 4
"""Of the loop, from bytes that have come to a delivery: they are read, made frames, a message, and handed over."""


class Intake:
    """Deliveries of one queue on one channel."""

    def __init__(self, channel: AbstractChannel, queue: str, prefetch: int) -> None:
        self._channel = channel
        self._queue = queue
        self._prefetch = prefetch
        self._waiting: list[Delivery] = []
        self._news = asyncio.Event()
        self._tag = ""
        self._wide = False
        self._closed = False
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Begin, one message at a time."""
        self._tag = await self._consume(1)

    async def take(self, most: int) -> list[Delivery] | None:
        """All that waits, in order, but `most` of it; it waits for one, not for more. None: closed, nothing is left."""
        while not self._waiting and not self._closed:
            await self._news.wait()
            self._news.clear()
        await all_here(self._waiting, most, READING_TURNS)
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken or None

    async def accept(self, delivery: Delivery) -> None:
        """Have many in hand from now on, unless this one has seen two deaths."""
        if not self._wide and delivery.returns < SUSPECT:
            await self.widen()

    async def widen(self) -> None:
        """Have as many in hand as the prefetch allows."""
        async with self._changing:
            if not self._wide and not self._closed:
                self._wide = True
                narrow, self._tag = self._tag, await self._consume(self._prefetch)
                await self._channel.basic_cancel(narrow)

    async def close(self) -> None:
        """Let no more come. What has come is still to be taken."""
        async with self._changing:
            await self._channel.basic_cancel(self._tag)
            self._closed = True
            self._news.set()

    async def _consume(self, prefetch: int) -> str:
        await self._channel.basic_qos(prefetch_count=prefetch)
        consuming = await self._channel.basic_consume(self._queue, self._arrived)
        return consuming.consumer_tag or ""

    async def _arrived(self, message: DeliveredMessage) -> None:
        tag = message.delivery_tag or 0
        self._waiting.append(Delivery(tag, message.header.properties, message.body, monotonic()))
        self._news.set()
