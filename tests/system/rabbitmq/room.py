"""A consumer in this process on the real node, between a store and a tax service that do what a test says."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp.commands import Basic

from adapters.rabbitmq.connection import BrokerConfig, open_connection
from adapters.rabbitmq.errors import BrokerRefused, BrokerUnavailable
from adapters.rabbitmq.settlement import LaneContext
from adapters.rabbitmq.supervisor import Consumer
from adapters.rabbitmq.topology import QueueNames
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import LookupRunner
from function.outcomes import Reason
from function.ports import Invalid, Lifetimes, Pending, Ports, Ticket, Unavailable, Verdict
from function.request import LookupRequest
from function.telemetry import Observer
from tests.doubles import FOUND, PERSON, MemoryAnswers, RecordingObserver, numbered
from tests.servers.rabbitmq import Node

WITHIN = 60.0
RETRY_SEC = 0.2
THREADS = 8


def ask(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The request of an invented person; another number, another person."""
    return {**PERSON, **numbered(number), **changes}


class Service:
    """An InnProvider that does what it is told to, in whatever thread."""

    def __init__(self) -> None:
        self.does: Callable[[LookupRequest], Verdict | Invalid | Pending] = lambda _request: FOUND
        self.asked: list[str] = []

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        self.asked.append(request.request_id)
        return self.does(request)

    def says(self, reason: Reason, retry_after: float = 0) -> None:
        """Raise this from now on."""

        def no(_request: LookupRequest) -> Verdict:
            raise Unavailable(reason, retry_after)

        self.does = no


class Heard(RecordingObserver):
    """An Observer that counts what it was told."""

    @property
    def moves(self) -> Counter[tuple[str, str]]:
        return Counter(self.of("message_moved"))

    @property
    def events(self) -> Counter[str]:
        return Counter(name for name, _ in self.of("event"))

    @property
    def errors(self) -> list[BaseException]:
        return [error for _, error in self.of("error")]

    @property
    def flying(self) -> int:
        return sum(change for _, change in self.of("in_flight"))


@dataclass
class Customer:
    """Sends requests and gathers replies, by their correlation id."""

    channel: AbstractChannel
    source: str
    queue: str
    replies: dict[str, list[AbstractIncomingMessage]] = field(default_factory=dict)

    async def send(self, body: object, **properties: Any) -> None:
        """One request; what is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = aio_pika.Message(data, **{"delivery_mode": 2, "reply_to": self.queue, **properties})
        await self.channel.default_exchange.publish(message, self.source)

    async def send_raw(self, body: bytes, properties: Basic.Properties) -> None:
        """One request whose properties the library would not write."""
        channel = await self.channel.get_underlay_channel()
        await channel.basic_publish(body, routing_key=self.source, properties=properties)

    async def asks(self, numbers: range) -> None:
        """For all these persons at once."""
        await asyncio.gather(*[self.send(ask(number)) for number in numbers])

    async def got(self, count: int) -> list[dict[str, Any]]:
        """The bodies of the replies, once there are so many different ones, in the order of their ids."""
        await until(lambda: len(self.replies) >= count, f"{count} replies")
        return [json.loads(self.replies[name][0].body) for name in sorted(self.replies)]

    async def take(self, message: AbstractIncomingMessage) -> None:
        self.replies.setdefault(message.correlation_id or message.message_id or "", []).append(message)


async def open_once(broker: BrokerConfig) -> None:
    """Connect, declare the queues and close."""
    async with open_connection(broker, Observer(), queues=True):
        pass


class Room:
    """The consumer and all around it."""

    def __init__(self, node: Node, source: str) -> None:
        self.node = node
        self.names = QueueNames(source)
        self.broker = BrokerConfig((node.uri,), "inn-test", self.names, RETRY_SEC)
        self.store = MemoryAnswers()
        self.service = Service()
        self.heard = Heard()
        self.stopping = asyncio.Event()  # of the last consumer

    @asynccontextmanager
    async def consumer(self, *, retries: int = 2, prefetch: int = 100, held: int = THREADS) -> AsyncIterator[Consumer]:
        """A consumer at work; it drains at the end of the block."""
        clock, lifetimes = SystemClock(), Lifetimes(timedelta(days=1), timedelta(days=1))
        lookups = LookupRunner(self.store, Ports(self.store, self.service, clock, lifetimes), THREADS, self.heard)
        context = LaneContext(self.names, lookups, clock, retries, self.heard)
        consumer = Consumer(self.broker, context, prefetch, held)
        # As a process does at its start. A broker may fail the channel that uses a new queue while another declares it.
        with suppress(BrokerRefused, BrokerUnavailable):
            await open_once(self.broker)
        self.stopping = asyncio.Event()
        running = asyncio.create_task(consumer.run(stopping := self.stopping))
        try:
            await until(lambda: consumer.fast.is_ready and consumer.slow.is_ready, "both lanes connected")
            yield consumer
        finally:
            stopping.set()
            await running
            consumer.close()

    @asynccontextmanager
    async def customer(self) -> AsyncIterator[Customer]:
        """A customer with a queue that outlives the node."""
        async with self.channel() as channel:
            name = f"{self.names.source}-replies"
            queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
            customer = Customer(channel, self.names.source, queue.name)
            await queue.consume(customer.take, no_ack=True)
            yield customer

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        async with await aio_pika.connect(self.node.uri) as connection:
            yield await connection.channel()

    @contextmanager
    def limited(self, queue: str, **limits: int) -> Iterator[None]:
        """While it lasts a policy gives the queue such limits."""
        self.node.limit(f"^{queue}$", **limits)
        try:
            yield
        finally:
            self.node.limit(f"^{queue}$")

    @contextmanager
    def suspended(self, queue: str) -> Iterator[None]:
        """While it lasts the queue's process takes nothing, as one that has lost its majority."""
        found = f'{{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>))'
        self.node.evaluate(f"{found}, sys:suspend(amqqueue:get_pid(Queue))")
        try:
            yield
        finally:
            self.node.evaluate(f"{found}, sys:resume(amqqueue:get_pid(Queue))")

    async def size(self, queue: str) -> int:
        """Messages that are ready in a queue; they are counted with some delay."""
        async with self.channel() as channel:
            declared = await channel.declare_queue(queue, passive=True)
            return declared.declaration_result.message_count or 0

    async def holds(self, queue: str, count: int) -> None:
        """Wait until so many messages are ready there."""

        async def full() -> bool:
            return await self.size(queue) == count

        await until(full, f"{count} messages in {queue}")

    async def taken(self, queue: str, count: int) -> list[AbstractIncomingMessage]:
        """So many messages out of a queue, once they are there."""
        async with self.channel() as channel:
            source = await channel.get_queue(queue)
            taken: list[AbstractIncomingMessage] = []

            async def enough() -> bool:
                message = await source.get(no_ack=True, fail=False)
                taken.extend([message] if message else [])
                return len(taken) == count

            await until(enough, f"{count} messages out of {queue}")
            return taken


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str, within: float = WITHIN) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(within):
        try:
            while True:
                met = condition()
                if met if isinstance(met, bool) else await met:
                    return
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            raise AssertionError(f"in vain: {what}") from None
