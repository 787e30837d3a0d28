"""The two lanes: the fast one answers from the cache, the slow one fetches. Each does one `run` for each connection.

The fast lane works on the source queue, in batches; it moves what is not cached to `.lookup`. The slow lane works on
that, at the provider's pace: a delivery that has to wait (for a permit, a pending answer, another worker's fetch, the
store) is held, and counts against the prefetch. While every provider is closed, the prefetch is used up and no more
are delivered.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from aiormq.abc import DeliveredMessage

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.errors import QueueFull
from adapters.rabbitmq.messages import SUSPECT_RETURNS, Delivery, InvalidMessage, Message
from adapters.rabbitmq.publisher import FULL_QUEUE_SEC
from adapters.rabbitmq.settlement import ENTRY, HOLD, HoldReport, Job, LaneContext, Settlement, disposition
from adapters.runtime.backoff import Backoff, pause
from adapters.runtime.lookup_runner import MAX_BATCH, drain_sockets
from function.event import Event
from function.outcomes import Deferred, InProgress, Outcome, Reason, Rejected

HOLD_SEC = 300.0
"""Longest hold of a delivery; then it returns to the tail of its queue. RabbitMQ itself allows 30 minutes."""
FIRST_BACKOFF_SEC = 0.1
LONGEST_BACKOFF_SEC = 2.0
READING_TURNS = 4
"""Turns of the event loop from received bytes to a delivery: bytes, frames, message, callback."""
DRAIN_SEC = 60.0
"""Time for running fetches when the process stops: longer than one takes; a pod has 120 seconds."""

_Batch = asyncio.Task[None]


class Subscription:
    """Deliveries of one queue on one connection, until `stopping` is set: with a prefetch of 1 at first, then the full one.

    A message that kills the process, or its connection, does so again when it is redelivered. If it is the only
    unacknowledged message then, the broker counts no return of any other message, and parks this one at the delivery
    limit. So the prefetch is 1 until a delivery arrives that has not been returned twice.
    """

    def __init__(self, connection: BrokerConnection, queue: str, prefetch: int, stopping: asyncio.Event) -> None:
        self.connection = connection
        self.stopping = stopping
        self._queue = queue
        self._prefetch = prefetch
        self._arrived: list[Delivery] = []
        self._news = asyncio.Event()
        self._tag = ""
        self._closed = False
        self._changing = asyncio.Lock()
        self._full: asyncio.Task[None] | None = None
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
        if self._full is None and taken and taken[0].returns < SUSPECT_RETURNS:
            self.use_full_prefetch()
        if self._full is not None:
            # A message that ends the connection as it arrives does so before the first reply: none is sent twice.
            await self._full
        return taken or None

    def use_full_prefetch(self) -> None:
        """Replace the consumer with a prefetch of 1 by one with the full prefetch, if that is not yet in use."""
        if self._full is None and not self._closed:
            self._full = self._tasks.create_task(self._replace_consumer())

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
        tag = message.delivery_tag or 0
        self._arrived.append(Delivery(tag, message.header.properties, message.body, monotonic()))
        self._news.set()


class _Lane:
    """What both lanes have. `prefetch`: the most unacknowledged deliveries of `queue`."""

    def __init__(self, context: LaneContext, queue: str, prefetch: int) -> None:
        self.queue = queue
        self._context = context
        self._prefetch = prefetch
        self._settlement = Settlement(context, queue)
        self._holds = HoldReport(context.observer, queue)


class FastLane(_Lane):
    """Answers deliveries of the source queue in batches, each acknowledged by a single acknowledgement, in order."""

    _unacknowledged = 0

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then settle the deliveries that have arrived."""
        subscription = Subscription(connection, self.queue, self._prefetch, stopping)
        previous = None
        try:
            async with asyncio.TaskGroup() as batches, subscription.open():
                while deliveries := await subscription.take(MAX_BATCH):
                    self._count(len(deliveries))
                    messages = await self._process(list(map(self._settlement.decode, deliveries)), stopping)
                    previous = batches.create_task(self._finish(subscription, deliveries, messages, previous))
        finally:
            self._count(-self._unacknowledged)

    async def _process(self, jobs: list[Job], stopping: asyncio.Event) -> list[Message]:
        """The messages that settle a batch. It is held while the store is unavailable, which counts no retry."""
        events = [job.event for job in jobs]
        backoff = None
        while True:
            outcomes = await self._find_cached(events)
            chosen = [disposition(job, each, self._context.retries) for job, each in zip(jobs, outcomes, strict=True)]
            if HOLD in chosen or self._holds.outage_since is not None:
                self._holds.report(outcomes)
            if HOLD not in chosen or stopping.is_set() or monotonic() > jobs[0].delivery.arrived + HOLD_SEC:
                break
            backoff = backoff or Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)
            await pause(backoff.next(), stopping)
        messages: list[Message] = []
        for job, outcome, each in zip(jobs, outcomes, chosen, strict=True):
            if each is HOLD:
                messages.append(self._settlement.hand_back(job))
                continue
            ago = monotonic() - job.delivery.arrived
            with self._context.observer.span("consume request", job.traceparent, ago) as job.traceparent:
                messages += self._settlement.settle(job, outcome, each)
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
        self, subscription: Subscription, deliveries: list[Delivery], messages: list[Message], previous: _Batch | None
    ) -> None:
        """Publish the messages that settle a batch, and acknowledge it after the `previous` one."""
        deliver, stopping = subscription.connection.publisher.deliver, subscription.stopping
        await asyncio.gather(*[deliver(message, self.queue, stopping) for message in messages])
        if previous is not None:
            await previous
        await subscription.connection.channel.basic_ack(deliveries[-1].tag, multiple=True, wait=False)
        self._count(-len(deliveries))

    def _count(self, change: int) -> None:
        self._unacknowledged += change
        self._context.observer.in_flight(ENTRY, change)


class SlowLane(_Lane):
    """Fetches the answers for deliveries of `.lookup`, each in a task of its own."""

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish running fetches, within bounds, and hand back the rest."""
        subscription = Subscription(connection, self.queue, self._prefetch, stopping)
        unacknowledged: dict[asyncio.Task[None], Delivery] = {}
        async with asyncio.TaskGroup() as tasks:
            async with subscription.open():
                while deliveries := await subscription.take(self._prefetch):
                    for delivery in deliveries:
                        task = tasks.create_task(self._process(delivery, subscription))
                        unacknowledged[task] = delivery
                        task.add_done_callback(unacknowledged.pop)
            if unacknowledged:
                await asyncio.wait(unacknowledged, timeout=DRAIN_SEC)
            # A thread can't be stopped: the next attempt fetches again, or finds the answer that this one has saved.
            overdue = dict(unacknowledged)
            for task in overdue:
                task.cancel()
            for delivery in overdue.values():
                handed_back = self._settlement.hand_back(self._settlement.decode(delivery))
                await self._publish([handed_back], delivery, subscription)

    async def _process(self, delivery: Delivery, subscription: Subscription) -> None:
        observer = self._context.observer
        observer.in_flight(ENTRY, 1)
        try:
            job = self._settlement.decode(delivery)
            with observer.span("consume lookup", job.traceparent) as job.traceparent:
                while not await self._publish(await self._attempt(job, subscription), delivery, subscription):
                    # Its queue is full, and stays so unless held deliveries are tried again.
                    await pause(FULL_QUEUE_SEC, subscription.stopping)
        finally:
            observer.in_flight(ENTRY, -1)

    async def _attempt(self, job: Job, subscription: Subscription) -> list[Message]:
        """Resolve the lookup; the messages that settle it. It is handed back if it was held for too long."""

        def on_hold(outcome: Outcome) -> None:
            self._holds.report([outcome])
            # A message that waits does not kill the process: others need not wait for it. But if it waits for a claim,
            # that may be the claim of a process that it has just killed.
            if not isinstance(outcome, InProgress):
                subscription.use_full_prefetch()

        if isinstance(job.event, InvalidMessage):
            # It needs no provider.
            outcome: Outcome = job.event.request(self._context.clock)
        else:
            try:
                async with asyncio.timeout(HOLD_SEC):
                    outcome = await self._context.lookups.resolve(job.event, on_hold=on_hold)
            except TimeoutError:
                return [self._settlement.hand_back(job)]
        chosen = disposition(job, outcome, self._context.retries)
        if chosen is HOLD:
            return [self._settlement.hand_back(job)]
        if self._holds.outage_since is not None:
            self._holds.report([outcome])
        return self._settlement.settle(job, outcome, chosen)

    async def _publish(self, messages: list[Message], delivery: Delivery, subscription: Subscription) -> bool:
        """Publish and acknowledge; False: the lane's own queue is full."""
        try:
            for message in messages:
                await subscription.connection.publisher.deliver(message, self.queue, subscription.stopping)
        except QueueFull:
            if subscription.stopping.is_set():
                raise
            return False
        await subscription.connection.channel.basic_ack(delivery.tag, wait=False)
        return True
