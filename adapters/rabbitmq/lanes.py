"""The two lanes: the fast one answers from the cache, the slow one fetches. Each does one `run` for each connection.

The fast lane works on the source queue, in batches; it moves what is not cached to `.lookup`. The slow lane works on
that, at the provider's pace: a delivery that has to wait (for a permit, a pending answer, another worker's fetch, the
store) is held, and counts against the prefetch. While every provider is closed, the prefetch is used up and no more
are delivered.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from time import monotonic

from aiormq.abc import DeliveredMessage
from typing_extensions import override

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.errors import QueueFull
from adapters.rabbitmq.messages import SUSPECT_RETURNS, Delivery, Message
from adapters.rabbitmq.settlement import (
    ENTRY,
    HOLD,
    HoldReport,
    Job,
    LaneContext,
    decode_job,
    disposition,
    hand_back,
    settle,
)
from adapters.runtime.backoff import Backoff, pause
from adapters.runtime.lookup_runner import MAX_BATCH, drain_sockets
from function.event import Event
from function.outcomes import Deferred, InProgress, Outcome, Reason, Rejected
from function.telemetry import Observer

HOLD_SEC = 300.0  # longest hold of a delivery, which then returns to its queue's tail; RabbitMQ allows 30 minutes
FIRST_BACKOFF_SEC = 0.1
LONGEST_BACKOFF_SEC = 2.0
READING_TURNS = 4  # turns of the event loop from received bytes to a delivery: bytes, frames, message, callback
FULL_QUEUE_SEC = 1.0  # interval of the attempts to publish to a full queue
DRAIN_SEC = 60.0  # time for running fetches when the process stops: longer than one takes; a pod has 120 seconds


class Subscription:
    """Takes and settles deliveries of one queue on one connection, until `stopping` is set.

    A message that kills the process, or its connection, does so again when it is redelivered. If it is the only
    unacknowledged message then, the broker counts no return of any other message, and parks this one at the delivery
    limit. So the prefetch is 1 until a delivery arrives that has not been returned twice, or `full_prefetch` is set (the
    slow lane does so for a delivery that waits); then it is `prefetch`.
    """

    def __init__(
        self, connection: BrokerConnection, queue: str, prefetch: int, stopping: asyncio.Event, observer: Observer
    ) -> None:
        self.stopping = stopping
        self.full_prefetch = asyncio.Event()  # set with `stopping`, too
        self._connection = connection
        self._queue = queue
        self._prefetch = prefetch
        self._observer = observer
        self._unacknowledged = 0
        self._arrived: list[Delivery] = []
        self._news = asyncio.Event()
        self._closed = False
        self._replaced = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Consume within the block, in whose group the deliveries are settled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._run())
                tasks.create_task(self.stopping.wait()).add_done_callback(lambda _: self.full_prefetch.set())
                yield tasks
        finally:
            self._observer.in_flight(ENTRY, -self._unacknowledged)

    async def take(self, most: int, turns: int = 0) -> list[Delivery] | None:
        """Wait for a delivery; all that arrive in `turns` of the loop, in order, at most `most`. None: closed and empty."""
        while not self._arrived and not self._closed:
            await self._news.wait()
            self._news.clear()
        await drain_sockets(self._arrived, most, turns)
        taken, self._arrived = self._arrived[:most], self._arrived[most:]
        self._unacknowledged += len(taken)
        self._observer.in_flight(ENTRY, len(taken))
        if not self.full_prefetch.is_set() and taken and taken[0].returns < SUSPECT_RETURNS:
            self.full_prefetch.set()
        if self.full_prefetch.is_set():
            # A message that ends the connection as it arrives does so before the first reply: none is sent twice.
            await self._replaced.wait()
        return taken or None

    async def publish(self, message: Message) -> None:
        """Publish with a confirm, and again while the message's queue is full. Raises BrokerUnavailable.

        QueueFull: it is this queue itself, or `stopping` is set. Only this lane empties its queue: it tries held
        deliveries again, or the broker requeues them.
        """
        publisher = self._connection.publisher
        while True:
            try:
                return await (publisher.move(message) if message.moved else publisher.reply(message))
            except QueueFull:
                if message.queue == self._queue or self.stopping.is_set():
                    raise
            await pause(FULL_QUEUE_SEC, self.stopping)

    async def acknowledge(self, tag: int, count: int = 1) -> None:
        """Acknowledge a delivery; with a `count` of several, all unacknowledged ones up to it."""
        await self._connection.channel.basic_ack(tag, multiple=count > 1, wait=False)
        self._unacknowledged -= count
        self._observer.in_flight(ENTRY, -count)

    async def _run(self) -> None:
        """Consume, until `stopping` is set. Deliveries that have arrived can still be taken."""
        tag = await self._consume(1)
        await self.full_prefetch.wait()
        if not self.stopping.is_set():
            old_tag, tag = tag, await self._consume(self._prefetch)
            await self._connection.channel.basic_cancel(old_tag)
        self._replaced.set()
        await self.stopping.wait()
        await self._connection.channel.basic_cancel(tag)
        self._closed = True
        self._news.set()

    async def _consume(self, prefetch: int) -> str:
        await self._connection.channel.basic_qos(prefetch_count=prefetch)
        consuming = await self._connection.channel.basic_consume(self._queue, self._deliver)
        return consuming.consumer_tag or ""

    async def _deliver(self, message: DeliveredMessage) -> None:
        self._arrived.append(Delivery(message.delivery_tag or 0, message.header.properties, message.body, monotonic()))
        self._news.set()


class Lane(ABC):
    """Works on one queue. `prefetch`: the most unacknowledged deliveries of `queue`."""

    def __init__(self, context: LaneContext, queue: str, prefetch: int) -> None:
        self.queue = queue
        self._context = context
        self._prefetch = prefetch
        self._holds = HoldReport(context.observer, queue)

    @abstractmethod
    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work on this connection until `stopping` is set, then settle the deliveries that have arrived, within bounds.

        After an error it can run again on another one.
        """


class FastLane(Lane):
    """Answers deliveries of the source queue in batches, each acknowledged by a single acknowledgement, in order."""

    @override
    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        subscription = Subscription(connection, self.queue, self._prefetch, stopping, self._context.observer)
        previous: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        previous.set_result(None)
        async with subscription.open() as batches:
            while deliveries := await subscription.take(MAX_BATCH, READING_TURNS):
                jobs = [decode_job(delivery, self.queue, self._context.names) for delivery in deliveries]
                messages = await self._process(jobs, stopping)
                previous = batches.create_task(self._finish(subscription, deliveries, messages, previous))

    async def _process(self, jobs: list[Job], stopping: asyncio.Event) -> list[Message]:
        """The messages that settle a batch. It is held while the store is unavailable, which counts no retry."""
        events = [job.event for job in jobs]
        backoff = None
        while True:
            outcomes = await self._find_cached(events)
            chosen = [disposition(job, each, self._context.retries) for job, each in zip(jobs, outcomes, strict=True)]
            if HOLD in chosen or self._holds.outage_since is not None:
                self._holds.report(outcomes, monotonic())
            if HOLD not in chosen or stopping.is_set() or monotonic() > jobs[0].delivery.arrived + HOLD_SEC:
                break
            backoff = backoff or Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)
            await pause(backoff.next(), stopping)
        messages: list[Message] = []
        for job, outcome, each in zip(jobs, outcomes, chosen, strict=True):
            if each is HOLD:
                messages.append(hand_back(job, self.queue))
                continue
            ago = monotonic() - job.delivery.arrived
            with self._context.observer.span("consume request", job.traceparent, ago) as job.traceparent:
                messages += settle(job, outcome, each, self._context)
        return messages

    async def _find_cached(self, events: list[Event]) -> list[Outcome]:
        try:
            return await self._context.lookups.answer_cached(events)
        except Exception as bug:  # noqa: BLE001  # one request's bug must not stop the lane
            self._context.observer.error("fast_lane", bug)
        if len(events) == 1:
            request = events[0].request(self._context.clock)
            return [request if isinstance(request, Rejected) else Deferred(request, Reason.INTERNAL_ERROR)]
        return [outcome for event in events for outcome in await self._find_cached([event])]

    async def _finish(
        self, subscription: Subscription, deliveries: list[Delivery], messages: list[Message], previous: Awaitable[None]
    ) -> None:
        """Publish the messages that settle a batch, and acknowledge it after the `previous` one."""
        await asyncio.gather(*map(subscription.publish, messages))
        await asyncio.shield(previous)  # a long chain of cancelled batches would exceed the recursion limit
        await subscription.acknowledge(deliveries[-1].tag, len(deliveries))


class SlowLane(Lane):
    """Fetches the answers for deliveries of `.lookup`, each in a task of its own."""

    @override
    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        subscription = Subscription(connection, self.queue, self._prefetch, stopping, self._context.observer)
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as drain, subscription.open() as tasks:
                while deliveries := await subscription.take(self._prefetch):
                    for delivery in deliveries:
                        tasks.create_task(self._process(delivery, subscription))
                # A thread can't be stopped. What it fetches goes back to the queue with the end of the connection: the
                # next attempt fetches again, or finds the answer that this one has saved.
                drain.reschedule(asyncio.get_running_loop().time() + DRAIN_SEC)

    async def _process(self, delivery: Delivery, subscription: Subscription) -> None:
        job = decode_job(delivery, self.queue, self._context.names)
        with self._context.observer.span("consume lookup", job.traceparent) as job.traceparent:
            while True:
                try:
                    for message in await self._attempt(job, subscription):
                        await subscription.publish(message)
                    break
                except QueueFull:
                    if subscription.stopping.is_set():
                        raise
                    # The lane's own queue, which stays full unless held deliveries are tried again.
                    await pause(FULL_QUEUE_SEC, subscription.stopping)
            await subscription.acknowledge(delivery.tag)

    async def _attempt(self, job: Job, subscription: Subscription) -> list[Message]:
        """Resolve the lookup; the messages that settle it. It is handed back if it was held for too long."""

        def on_hold(outcome: Outcome) -> None:
            self._holds.report([outcome], monotonic())
            # A message that waits does not kill the process: others need not wait for it. But if it waits for a claim,
            # that may be the claim of a process that it has just killed.
            if not isinstance(outcome, InProgress):
                subscription.full_prefetch.set()

        chosen = HOLD
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SEC):
                outcome = await self._context.lookups.resolve(job.event, on_hold=on_hold)
                chosen = disposition(job, outcome, self._context.retries)
        if chosen is HOLD:
            return [hand_back(job, self.queue)]
        if self._holds.outage_since is not None:
            self._holds.report([outcome], monotonic())
        return settle(job, outcome, chosen, self._context)
