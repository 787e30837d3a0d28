"""One connection to the broker from its beginning to its end; nothing of it outlives it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

import aiormq
from aiormq import Channel
from aiormq.abc import AbstractConnection
from aiormq.exceptions import ChannelLockedResource, ChannelPreconditionFailed, ConnectionClosed
from pamqp.commands import Basic
from yarl import URL

from adapters.rabbitmq.faults import BrokerAway, BrokerRefuses, translated
from adapters.rabbitmq.outbox import Outbox
from adapters.rabbitmq.topology import Names, Queue, how_to_mend, queues
from function.telemetry import Observer

CONNECT_SEC = 10.0
HEARTBEAT_SEC = 10
"""A broker that is silent for three times as long counts as lost."""


class Broker(NamedTuple):
    """Where the broker is and what is declared there. `uri` is a secret; `name` shows in the broker's lists."""

    uri: str
    name: str
    names: Names
    retry_sec: float

    def __repr__(self) -> str:
        return f"Broker({self.name!r}, ...)"


class Session:
    """A connected channel in confirm mode, its queues declared."""

    def __init__(self, channel: Channel, outbox: Outbox) -> None:
        self.channel = channel
        self.outbox = outbox
        self._cancelled = asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)

    async def lost(self) -> None:
        """Wait until the channel is of no more use, then raise BrokerAway."""
        cancelled = asyncio.create_task(self._cancelled.wait())
        try:
            await asyncio.wait({cancelled, self.channel.closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cancelled.cancel()
        raise BrokerAway("consumer_cancelled" if self._cancelled.is_set() else "connection_lost")

    async def unblocked(self) -> None:
        """Wait while the broker takes nothing from this connection (an alarm: memory, disk), or until it is lost."""
        ready = asyncio.create_task(self.channel.connection.ready())
        try:
            await asyncio.wait({ready, self.channel.closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()

    def _on_cancel(self, _frame: Basic.Cancel) -> None:
        self._cancelled.set()


@asynccontextmanager
async def open_session(broker: Broker, observer: Observer) -> AsyncIterator[Session]:
    """Connect and declare. Raises BrokerAway or BrokerRefuses; what goes wrong later is the caller's to translate."""
    async with _connected(broker) as connection:
        with translated():
            async with asyncio.timeout(CONNECT_SEC):
                session = await _session(connection, broker, observer)
                await _declare(session.channel, queues(broker.names, broker.retry_sec))
        yield session


@asynccontextmanager
async def open_undeclared(broker: Broker, observer: Observer) -> AsyncIterator[Session]:
    """As `open_session`, with the queues taken as they are; whatever goes wrong is translated."""
    with translated():
        async with _connected(broker) as connection:
            yield await _session(connection, broker, observer)


@asynccontextmanager
async def _connected(broker: Broker) -> AsyncIterator[AbstractConnection]:
    with translated():
        async with asyncio.timeout(CONNECT_SEC):
            connection = await aiormq.connect(_url(broker))
    try:
        yield connection
    finally:
        # By default it would tell whoever still waits for something of it that they were cancelled.
        await connection.close(ConnectionClosed)


async def _session(connection: AbstractConnection, broker: Broker, observer: Observer) -> Session:
    # Without on_return_raises a returned message would look like a confirmed one.
    confirming = await connection.channel(publisher_confirms=True, on_return_raises=True)
    # What is given is this class; its `wait=False` is not in the abstract one.
    channel = cast("Channel", confirming)
    return Session(channel, Outbox(channel, broker.names, observer))


async def _declare(channel: Channel, wanted: tuple[Queue, ...]) -> None:
    for queue in wanted:
        try:
            await channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
        except (ChannelPreconditionFailed, ChannelLockedResource):
            raise BrokerRefuses(how_to_mend(queue.name)) from None


def _url(broker: Broker) -> URL:
    """The address, with what the client library reads from its query."""
    url = URL(broker.uri)
    defaults = {"heartbeat": str(HEARTBEAT_SEC), "name": broker.name}
    return url.with_query({**defaults, **url.query})
