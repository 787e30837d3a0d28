"""The two lanes: the fast one answers from the cache, the slow one fetches. Each does one `run` for each connection.

The fast lane works on the source queue, in batches; it moves what is not cached to `.lookup`. The slow lane works on
that, at the provider's pace: a delivery that has to wait (for a permit, a pending answer, another worker's fetch, the
store) is held, and counts against the prefetch. While every provider is closed, the prefetch is used up and no more
are delivered.
"""

import asyncio
from time import monotonic

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.envelope import InvalidMessage
from adapters.rabbitmq.errors import QueueFull
from adapters.rabbitmq.messages import Delivery, Message
from adapters.rabbitmq.publisher import FULL_QUEUE_SEC
from adapters.rabbitmq.settlement import ENTRY, HOLD, HoldReport, Job, LaneContext, Settlement, disposition
from adapters.rabbitmq.subscription import Subscription
from adapters.runtime.backoff import Backoff, pause
from adapters.runtime.lookup_runner import MAX_BATCH
from function.event import Event
from function.outcomes import Deferred, InProgress, Outcome, Reason, Rejected

HOLD_SEC = 300.0
"""Longest hold of a delivery; then it returns to the tail of its queue. RabbitMQ itself allows 30 minutes."""
FIRST_BACKOFF_SEC = 0.1
LONGEST_BACKOFF_SEC = 2.0
DRAIN_SEC = 60.0
"""Time for running fetches when the process stops: longer than one takes; a pod has 120 seconds."""


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
                    previous = batches.create_task(self._finish(deliveries, messages, previous, subscription))
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
        self,
        deliveries: list[Delivery],
        messages: list[Message],
        previous: asyncio.Task[None] | None,
        subscription: Subscription,
    ) -> None:
        """Publish the messages that settle a batch, and acknowledge it after the `previous` one."""
        connection, stopping = subscription.connection, subscription.stopping
        await asyncio.gather(*[connection.publisher.deliver(message, stopping) for message in messages])
        if previous is not None:
            await previous
        await connection.channel.basic_ack(deliveries[-1].tag, multiple=True, wait=False)
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
        publisher, stopping = subscription.connection.publisher, subscription.stopping
        for message in messages:
            if message.queue != self.queue:
                await publisher.deliver(message, stopping)
                continue
            try:
                await publisher.move(message)
            except QueueFull:
                if stopping.is_set():
                    raise
                return False
        await subscription.connection.channel.basic_ack(delivery.tag, wait=False)
        return True
