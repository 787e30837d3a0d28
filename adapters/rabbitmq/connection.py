"""Opens one connection to the broker, declares and checks queues on it. `LaneRunner` in `consumer.py` reconnects."""

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
"""For all addresses together, in equal shares."""
MIN_SHARE_SEC = 2.0
"""The smallest share of an address."""
HEARTBEAT_SEC = 10
"""A broker that is silent for three heartbeats counts as lost."""
ANSWER_SEC = 5.0
"""A queue whose leader does not answer within this time counts as having none."""


class BrokerConfig(NamedTuple):
    """The broker's addresses and queues. `uris`: one for each host, secrets; `name` shows in the broker's lists.

    `declare`: False where the queues are created elsewhere, and only checked.
    """

    uris: tuple[str, ...]
    name: str
    names: Names
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
        self._cancelled = asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(lambda _frame: self._cancelled.set())

    async def wait_lost(self) -> None:
        """Wait until the channel or its consumer is closed, then raise BrokerUnavailable."""
        await self._closed_or(self._cancelled.wait())
        raise BrokerUnavailable("consumer_cancelled" if self._cancelled.is_set() else "connection_lost")

    async def wait_unblocked(self, stopping: asyncio.Event) -> None:
        """Wait while the broker blocks this connection, until it is lost or `stopping` is set.

        A broker with an alarm (memory, disk) does not even read the close of a connection: a new one would be one more.
        """
        await self._closed_or(self.channel.connection.ready(), stopping.wait())

    async def _closed_or(self, *waits: Coroutine[Any, Any, object]) -> None:
        """Wait for the first of these, or for the close of the channel."""
        tasks = [asyncio.create_task(wait) for wait in waits]
        try:
            await asyncio.wait({*tasks, self.channel.closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def counts(self, queue: str, *, consumed: bool = False) -> QueueCounts:
        """Count a queue, and check that its leader answers. Raises BrokerUnavailable, BrokerRefused.

        Without a leader the broker reports zeros. A queue that is `consumed` has at least one consumer; from any other
        an empty count is checked by a get, which makes some brokers close the connection if there is no leader.
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
                    # It arrived after the count.
                    await channel.basic_reject(got.delivery_tag or 0, requeue=True)
                    counts = QueueCounts(1, 0)
            return counts

    async def check_channel(self) -> AbstractChannel:
        """A second channel for declarations and counts: an error closes it, and a slow reply delays all later ones."""
        if self._checks is None or self._checks.is_closed:
            self._checks = await self.channel.connection.channel(publisher_confirms=False)
        return self._checks


@asynccontextmanager
async def open_connection(broker: BrokerConfig, observer: Observer) -> AsyncIterator[BrokerConnection]:
    """Connect. Raises BrokerUnavailable or BrokerRefused; the caller translates later errors."""
    with translate_errors():
        connection = await _connect(broker)
    try:
        with translate_errors():
            async with asyncio.timeout(CONNECT_SEC):
                # Without on_return_raises a returned message would look like a confirmed one.
                confirming = await connection.channel(publisher_confirms=True, on_return_raises=True)
        # The actual class; `wait=False` is missing from the abstract one.
        channel = cast("Channel", confirming)
        version = str(connection.server_properties.get("version")).split(".")[:2]
        # Since 4.2 the broker routes to a direct reply-to as to any queue.
        direct_is_routed = tuple(int(part) for part in version if part.isdigit()) >= (4, 2)
        publisher = Publisher(channel, broker.names, observer, direct_is_routed=direct_is_routed)
        yield BrokerConnection(channel, publisher)
    finally:
        # By default the library would cancel the tasks that still wait for a reply.
        await connection.close(amqp.ConnectionClosed)


async def declare_queues(connection: BrokerConnection, broker: BrokerConfig) -> None:
    """Declare the queues, or compare them with their declarations. Raises BrokerUnavailable or BrokerRefused."""
    with translate_errors():
        async with asyncio.timeout(CONNECT_SEC):
            for queue in queues(broker.names, broker.retry_sec):
                await _declare(await connection.check_channel(), queue, declare=broker.declare)


async def _connect(broker: BrokerConfig) -> AbstractConnection:
    """Connect to one of the broker's addresses, tried in random order, each for its share of the time."""
    addresses, failure = await _addresses(broker)
    share = max(CONNECT_SEC / max(1, len(addresses)), MIN_SHARE_SEC)
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
    """Every address of the broker's hosts, with the host's name; and the error to raise if none can be used."""
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
        # Without the permission to configure, the broker compares no arguments.
        if declare:
            raise


@asynccontextmanager
async def queue_answer() -> AsyncIterator[None]:
    """Bound the wait for a queue's answer. Raises BrokerUnavailable, or BrokerRefused for a missing permission."""
    try:
        with translate_errors():
            async with asyncio.timeout(ANSWER_SEC):
                yield
    except BrokerUnavailable as unavailable:
        missing = isinstance(unavailable.__context__, amqp.ChannelNotFoundEntity)
        raise BrokerUnavailable(NO_QUEUE if missing else NO_LEADER) from None
