"""One connection to the broker from its beginning to its end; nothing of it outlives it."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
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

from adapters.rabbitmq.errors import (
    NO_LEADER,
    NO_QUEUE,
    BrokerRefused,
    BrokerUnavailable,
    different_argument,
    translate_errors,
)
from adapters.rabbitmq.publisher import Publisher
from adapters.rabbitmq.topology import Names, Queue, missing_queue_hint, queue_mismatch_hint, queues
from function.telemetry import Observer

CONNECT_SEC = 10.0
"""For all addresses together; each has its share of it."""
SHARE_SEC = 2.0
"""What each address has at the least."""
HEARTBEAT_SEC = 10
"""A broker that is silent for three times as long counts as lost."""
ANSWER_SEC = 5.0
"""A queue whose leader has not answered for so long has none."""


class BrokerConfig(NamedTuple):
    """Where the broker is, and its queues. `uris`: one for each host, secrets; `name` shows in the broker's lists.

    `declare`: False where the queues are made by somebody else, and only checked.
    """

    uris: tuple[str, ...]
    name: str
    names: Names
    retry_sec: float
    declare: bool = True

    def __repr__(self) -> str:
        return f"BrokerConfig({self.name!r}, ...)"


class QueueCounts(NamedTuple):
    """Messages that are ready in a queue, and its consumers."""

    ready: int
    consumers: int


class BrokerConnection:
    """A connected channel in confirm mode, and the publisher on it."""

    def __init__(self, channel: Channel, publisher: Publisher) -> None:
        self.channel = channel
        self.publisher = publisher
        self._checks: AbstractChannel | None = None
        self._cancelled = asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(lambda _frame: self._cancelled.set())

    async def wait_lost(self) -> None:
        """Wait until the channel is of no more use, then raise BrokerUnavailable."""
        await self._closed_or(self._cancelled.wait())
        raise BrokerUnavailable("consumer_cancelled" if self._cancelled.is_set() else "connection_lost")

    async def wait_unblocked(self, stopping: asyncio.Event) -> None:
        """Wait while the broker takes nothing from this connection, until it is lost or `stopping` is set.

        A broker with an alarm (memory, disk) does not even read a connection's end: a new one would only be one more.
        """
        await self._closed_or(self.channel.connection.ready(), stopping.wait())

    async def _closed_or(self, *waits: Coroutine[Any, Any, object]) -> None:
        """Wait for the first of these, but no longer than until the channel is closed."""
        tasks = [asyncio.create_task(wait) for wait in waits]
        try:
            await asyncio.wait({*tasks, self.channel.closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def counts(self, queue: str, *, consumed: bool = False) -> QueueCounts:
        """The counts of a queue whose leader answers. Raises BrokerUnavailable, BrokerRefused.

        Where there is no leader the broker counts nothing. One that is `consumed` has at least one consumer; any other
        is asked for a message, which ends the connection of some brokers where there is no leader.
        """
        async with queue_answer():
            channel = await self.check_channel()
            declared = await channel.queue_declare(queue, passive=True)
            counts = QueueCounts(declared.message_count or 0, declared.consumer_count or 0)
            if not any(counts):
                if consumed:
                    raise BrokerUnavailable(NO_LEADER)
                got = await channel.basic_get(queue)
                if isinstance(got.delivery, Basic.GetOk):
                    # It has come this moment.
                    await channel.basic_reject(got.delivery_tag or 0, requeue=True)
                    counts = QueueCounts(1, 0)
            return counts

    async def check_channel(self) -> AbstractChannel:
        """A channel for questions: one that fails is closed, and one that hangs holds up what comes behind it."""
        if self._checks is None or self._checks.is_closed:
            self._checks = await self.channel.connection.channel(publisher_confirms=False)
        return self._checks


@asynccontextmanager
async def open_connection(broker: BrokerConfig, observer: Observer) -> AsyncIterator[BrokerConnection]:
    """Connect. Raises BrokerUnavailable or BrokerRefused; later errors are the caller's to translate."""
    with translate_errors():
        connection = await _connect(broker)
    try:
        with translate_errors():
            async with asyncio.timeout(CONNECT_SEC):
                # Without on_return_raises a returned message would look like a confirmed one.
                confirming = await connection.channel(publisher_confirms=True, on_return_raises=True)
        # What is given is this class; its `wait=False` is not in the abstract one.
        channel = cast("Channel", confirming)
        version = str(connection.server_properties.get("version")).split(".")[:2]
        # Since 4.2 the broker routes to a direct reply-to as to any queue.
        direct_is_routed = tuple(int(part) for part in version if part.isdigit()) >= (4, 2)
        publisher = Publisher(channel, broker.names, observer, direct_is_routed=direct_is_routed)
        yield BrokerConnection(channel, publisher)
    finally:
        # By default it would tell whoever still waits for something of it that they were cancelled.
        await connection.close(amqp.ConnectionClosed)


async def declare_queues(connection: BrokerConnection, broker: BrokerConfig) -> None:
    """Declare the queues, or compare them with their declarations. Raises BrokerUnavailable or BrokerRefused."""
    with translate_errors():
        async with asyncio.timeout(CONNECT_SEC):
            for queue in queues(broker.names, broker.retry_sec):
                await _declare(await connection.check_channel(), queue, declare=broker.declare)


async def _connect(broker: BrokerConfig) -> AbstractConnection:
    """A connection to one of the broker's addresses. Each has its share of the time, in an order that changes."""
    addresses, failure = await _addresses(broker)
    share = max(CONNECT_SEC / max(1, len(addresses)), SHARE_SEC)
    for url, host in random.sample(addresses, len(addresses)):
        # A certificate is issued for the name, not for the address.
        options: dict[str, Any] = {"server_hostname": host} if url.scheme == "amqps" else {}
        try:
            with translate_errors():
                async with asyncio.timeout(share):
                    return await aiormq.connect(url, **options)
        except BrokerUnavailable as unavailable:
            failure = unavailable
    raise failure


async def _addresses(broker: BrokerConfig) -> tuple[list[tuple[URL, str]], BrokerUnavailable]:
    """Every address of the broker's hosts, with the host's name, and why there is none."""
    failure = BrokerUnavailable("unknown_host")
    found: list[tuple[URL, str]] = []
    for uri in broker.uris:
        url = URL(uri)
        host, port = url.host or "", url.port or DEFAULT_PORTS[url.scheme]
        query = {"heartbeat": str(HEARTBEAT_SEC), "name": broker.name, **url.query}
        try:
            with translate_errors():
                async with asyncio.timeout(CONNECT_SEC):
                    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
        except BrokerUnavailable as unavailable:
            failure = unavailable
        else:
            found += [(url.with_query(query).with_host(str(place[0])).with_port(port), host) for *_, place in infos]
    return found, failure


async def _declare(channel: AbstractChannel, queue: Queue, *, declare: bool) -> None:
    try:
        if not declare:
            await channel.queue_declare(queue.name, passive=True)
        await channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    except (amqp.ChannelPreconditionFailed, amqp.ChannelLockedResource) as differs:
        raise BrokerRefused(queue_mismatch_hint(queue.name, different_argument(differs))) from None
    except amqp.ChannelNotFoundEntity:
        raise BrokerRefused(missing_queue_hint(queue.name)) from None
    except amqp.ChannelAccessRefused:
        # Without the right to configure, the broker compares no arguments.
        if declare:
            raise


@asynccontextmanager
async def queue_answer() -> AsyncIterator[None]:
    """Raise BrokerUnavailable where a queue gives no answer within the block; BrokerRefused for a missing right."""
    try:
        with translate_errors():
            async with asyncio.timeout(ANSWER_SEC):
                yield
    except BrokerUnavailable as unavailable:
        missing = isinstance(unavailable.__context__, amqp.ChannelNotFoundEntity)
        raise BrokerUnavailable(NO_QUEUE if missing else NO_LEADER) from None
