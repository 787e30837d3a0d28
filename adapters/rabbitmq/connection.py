"""Opens one connection to the broker, declares the queues, and counts them. The lanes reconnect by `supervisor.py`."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import SOCK_STREAM
from typing import Any, NamedTuple, cast

import aiormq
from aiormq import Channel
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.connection import DEFAULT_PORTS
from pamqp.commands import Basic
from yarl import URL

from adapters.rabbitmq.errors import NO_LEADER, NO_QUEUE, BrokerUnavailable, translate_errors
from adapters.rabbitmq.publisher import Publisher
from adapters.rabbitmq.topology import QueueNames, declare_queues
from function.telemetry import Observer

CONNECT_SEC = 10.0  # for all addresses together, in equal shares
MIN_SHARE_SEC = 2.0  # the smallest share of an address
HEARTBEAT_SEC = 10  # a broker that is silent for three heartbeats counts as lost
ANSWER_SEC = 5.0  # a queue whose leader does not answer within this time counts as having none


class BrokerConfig(NamedTuple):
    """The broker's addresses and queues. `uris`: one for each host, secrets; `name` shows in the broker's lists.

    `declare`: False where the queues are created elsewhere, and only checked.
    """

    uris: tuple[str, ...]
    name: str
    names: QueueNames
    retry_sec: float
    declare: bool = True

    def __repr__(self) -> str:
        return f"BrokerConfig({self.name!r}, ...)"


class QueueCounts(NamedTuple):
    """Numbers of ready messages and of consumers of a queue."""

    ready: int
    consumers: int


class BrokerConnection:
    """A connected channel in confirm mode, and the publisher on it."""

    def __init__(self, channel: Channel, publisher: Publisher) -> None:
        self.channel = channel
        self.publisher = publisher
        self._checks: AbstractChannel | None = None
        self._consumer: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # cancelled with the consumer
        channel.on_consumer_cancel_callbacks.add(lambda _frame: self._consumer.cancel())

    async def wait_lost(self) -> None:
        """Wait until the channel or its consumer is closed, then raise BrokerUnavailable."""
        await asyncio.wait({self._consumer, self.channel.closing}, return_when=asyncio.FIRST_COMPLETED)
        raise BrokerUnavailable("consumer_cancelled" if self._consumer.cancelled() else "connection_lost")

    async def wait_unblocked(self, stopping: asyncio.Event) -> None:
        """Wait while the broker blocks this connection, until it is lost or `stopping` is set.

        A broker with an alarm (memory, disk) does not even read the close of a connection: a new one would be one more.
        """
        waits = [asyncio.create_task(wait) for wait in (self.channel.connection.ready(), stopping.wait())]
        try:
            await asyncio.wait({*waits, self.channel.closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def counts(self, queue: str, *, consumed: bool = False) -> QueueCounts:
        """Count a queue, and check that its leader answers. Raises BrokerUnavailable, BrokerRefused.

        Without a leader the broker reports zeros. A queue that is `consumed` has at least one consumer; from any other
        an empty count is checked by a get, which makes some brokers close the connection if there is no leader.
        """
        async with queue_answer():
            channel = await self.control_channel()
            declared = await channel.queue_declare(queue, passive=True)
            counts = QueueCounts(declared.message_count or 0, declared.consumer_count or 0)
            if not any(counts):
                if consumed:
                    raise BrokerUnavailable(NO_LEADER)
                got = await channel.basic_get(queue)
                if isinstance(got.delivery, Basic.GetOk):  # it arrived after the count
                    await channel.basic_reject(got.delivery_tag or 0, requeue=True)
                    counts = QueueCounts(1, 0)
            return counts

    async def control_channel(self) -> AbstractChannel:
        """A second channel for declarations and counts: an error closes it, and a slow reply delays all later ones."""
        if self._checks is None or self._checks.is_closed:
            self._checks = await self.channel.connection.channel(publisher_confirms=False)
        return self._checks


@asynccontextmanager
async def open_connection(
    broker: BrokerConfig, observer: Observer, *, queues: bool = False
) -> AsyncIterator[BrokerConnection]:
    """Connect, and declare the `queues`. Raises BrokerUnavailable or BrokerRefused; the caller translates later errors."""
    connection = await _connect(broker)
    try:
        async with translate_errors(within=CONNECT_SEC):
            # Without on_return_raises a returned message would look like a confirmed one. The cast is to the actual
            # class: `wait=False` is missing from the abstract one.
            channel = cast("Channel", await connection.channel(publisher_confirms=True, on_return_raises=True))
            version = str(connection.server_properties.get("version")).split(".")[:2]
            # Since 4.2 the broker routes to a direct reply-to as to any queue.
            routes_direct = tuple(int(part) for part in version if part.isdigit()) >= (4, 2)
            publisher = Publisher(channel, broker.names, observer, routes_direct=routes_direct)
            opened = BrokerConnection(channel, publisher)
            if queues:
                await declare_queues(opened.control_channel, broker.names, broker.retry_sec, create=broker.declare)
        yield opened
    finally:
        # By default the library would cancel the tasks that still wait for a reply.
        await connection.close(amqp.ConnectionClosed)


async def _connect(broker: BrokerConfig) -> AbstractConnection:
    """Connect to one of the addresses of the broker's hosts, tried in random order, each for its share of the time."""
    failure = BrokerUnavailable("unknown_host")
    addresses: list[tuple[URL, str]] = []
    for uri in map(URL, broker.uris):
        host, port = uri.host or "", uri.port or DEFAULT_PORTS[uri.scheme]
        url = uri.with_query({"heartbeat": str(HEARTBEAT_SEC), "name": broker.name, **uri.query}).with_port(port)
        try:
            async with translate_errors(within=CONNECT_SEC):
                infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
            addresses += [(url.with_host(str(place[0])), host) for *_, place in infos]
        except BrokerUnavailable as unavailable:
            failure = unavailable
    share = max(CONNECT_SEC / max(1, len(addresses)), MIN_SHARE_SEC)
    for url, host in random.sample(addresses, len(addresses)):
        # A certificate is issued for the name, not for the address.
        options: dict[str, Any] = {"server_hostname": host} if url.scheme == "amqps" else {}
        try:
            async with translate_errors(within=share):
                return await aiormq.connect(url, **options)
        except BrokerUnavailable as unavailable:
            failure = unavailable
    raise failure


@asynccontextmanager
async def queue_answer() -> AsyncIterator[None]:
    """Bound the wait for a queue's answer. Raises BrokerUnavailable, or BrokerRefused for a missing permission."""
    try:
        async with translate_errors(within=ANSWER_SEC):
            yield
    except BrokerUnavailable as unavailable:
        missing = isinstance(unavailable.__context__, amqp.ChannelNotFoundEntity)
        raise BrokerUnavailable(NO_QUEUE if missing else NO_LEADER) from None
