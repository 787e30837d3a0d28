"""The slow lane: fetches the answers for deliveries of `.lookup`, at the provider's pace.

A delivery that has to wait (for a permit, a pending answer, another worker's fetch, the store) is held, and counts
against the prefetch: while every provider is closed, the prefetch is used up and no more are delivered.
"""

import asyncio
from dataclasses import dataclass, field

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.disposition import HOLD
from adapters.rabbitmq.envelope import InvalidMessage
from adapters.rabbitmq.errors import QueueFull
from adapters.rabbitmq.fast_lane import HOLD_SEC
from adapters.rabbitmq.hold_report import HoldReport
from adapters.rabbitmq.messages import Delivery, Message
from adapters.rabbitmq.publisher import FULL_QUEUE_SEC
from adapters.rabbitmq.settlement import ENTRY, Job, LaneContext, Settlement
from adapters.rabbitmq.subscription import Subscription
from adapters.runtime.backoff import pause
from function.outcomes import InProgress, Outcome

DRAIN_SEC = 60.0
"""Time for running fetches when the process stops: longer than one takes; a pod has 120 seconds."""


@dataclass(slots=True, eq=False)
class _Run:
    """The state of one connection. `unacknowledged`: deliveries by their task."""

    connection: BrokerConnection
    subscription: Subscription
    stopping: asyncio.Event
    tasks: asyncio.TaskGroup
    unacknowledged: "dict[asyncio.Task[None], Delivery]" = field(default_factory=dict)


class SlowLane:
    """Works on `.lookup`, one `run` for each connection. `prefetch`: the most unacknowledged deliveries."""

    def __init__(self, context: LaneContext, prefetch: int) -> None:
        self.queue = context.names.lookup
        self._context = context
        self._prefetch = prefetch
        self._settlement = Settlement(context, self.queue)
        self._holds = HoldReport(context.observer, self.queue)

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish running fetches, within bounds, and hand back the rest."""
        async with asyncio.TaskGroup() as tasks:
            subscription = Subscription(connection.channel, self.queue, self._prefetch)
            run = _Run(connection, subscription, stopping, tasks)
            async with subscription.open(stopping):
                while deliveries := await subscription.take(self._prefetch):
                    for delivery in deliveries:
                        task = tasks.create_task(self._process(delivery, run))
                        run.unacknowledged[task] = delivery
                        task.add_done_callback(run.unacknowledged.pop)
            await self._drain(run)

    async def _drain(self, run: _Run) -> None:
        if not run.unacknowledged:
            return
        await asyncio.wait(run.unacknowledged, timeout=DRAIN_SEC)
        # A thread can't be stopped: the next attempt fetches again, or finds the answer that this one has saved.
        overdue = dict(run.unacknowledged)
        for task in overdue:
            task.cancel()
        for delivery in overdue.values():
            await self._publish([self._settlement.hand_back(self._settlement.decode(delivery))], delivery, run)

    async def _process(self, delivery: Delivery, run: _Run) -> None:
        observer = self._context.observer
        observer.in_flight(ENTRY, 1)
        try:
            await run.subscription.note_delivery(delivery)
            job = self._settlement.decode(delivery)
            with observer.span("consume lookup", job.traceparent) as job.traceparent:
                while not await self._publish(self._settle(job, await self._resolve(job, run)), delivery, run):
                    # Its queue is full, and stays so unless held deliveries are tried again.
                    await pause(FULL_QUEUE_SEC, run.stopping)
        finally:
            observer.in_flight(ENTRY, -1)

    async def _resolve(self, job: Job, run: _Run) -> Outcome | None:
        """The outcome of the lookup; None: it was held for too long."""
        if isinstance(job.event, InvalidMessage):
            # It needs no provider.
            return job.event.request(self._context.clock)

        def on_hold(outcome: Outcome) -> None:
            self._holds.report_held([outcome])
            # A message that waits does not kill the process: others need not wait for it. But if it waits for a claim,
            # that may be the claim of a process that it has just killed.
            if not run.subscription.full_prefetch and not isinstance(outcome, InProgress):
                run.tasks.create_task(run.subscription.use_full_prefetch())

        try:
            async with asyncio.timeout(HOLD_SEC):
                return await self._context.lookups.resolve(job.event, on_hold=on_hold)
        except TimeoutError:
            return None

    def _settle(self, job: Job, outcome: Outcome | None) -> list[Message]:
        if outcome is not None:
            chosen = self._settlement.disposition(job, outcome)
            if chosen is not HOLD:
                if self._holds.outage_since is not None:
                    self._holds.report_released([outcome])
                return self._settlement.settle(job, outcome, chosen)
        return [self._settlement.hand_back(job)]

    async def _publish(self, messages: list[Message], delivery: Delivery, run: _Run) -> bool:
        """Publish and acknowledge; False: the lane's own queue is full."""
        publisher = run.connection.publisher
        for message in messages:
            if message.queue != self.queue:
                await publisher.deliver(message, run.stopping)
                continue
            try:
                await publisher.move(message)
            except QueueFull:
                if run.stopping.is_set():
                    raise
                return False
        await run.connection.channel.basic_ack(delivery.tag, wait=False)
        return True
