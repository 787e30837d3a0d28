"""The slow lane: deliveries of `.lookup`, whose answers are not cached, fetched at the provider's pace.

A delivery that has to wait (for a permit, for a pending answer, for another worker's fetch, for the store) is held
and takes one place of the prefetch: while every provider is closed, all places are taken, and no more come.
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
"""Fetches under way when the process is to stop may take so long: longer than one does; a pod has 120 seconds."""


@dataclass(slots=True, eq=False)
class _Run:
    """One connection's work. `in_hand`: deliveries by their task."""

    connection: BrokerConnection
    subscription: Subscription
    stopping: asyncio.Event
    tasks: asyncio.TaskGroup
    in_hand: "dict[asyncio.Task[None], Delivery]" = field(default_factory=dict)


class SlowLane:
    """Works on `.lookup`, one `run` for each connection. `prefetch`: deliveries in hand at most."""

    def __init__(self, context: LaneContext, prefetch: int) -> None:
        self.queue = context.names.lookup
        self._context = context
        self._prefetch = prefetch
        self._settlement = Settlement(context, self.queue)
        self._holds = HoldReport(context.observer, self.queue)

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish the fetches under way, within bounds, and hand the rest back."""
        async with asyncio.TaskGroup() as tasks:
            subscription = Subscription(connection.channel, self.queue, self._prefetch)
            run = _Run(connection, subscription, stopping, tasks)
            async with subscription.open(stopping):
                while deliveries := await subscription.take(self._prefetch):
                    for delivery in deliveries:
                        task = tasks.create_task(self._process(delivery, run))
                        run.in_hand[task] = delivery
                        task.add_done_callback(run.in_hand.pop)
            await self._drain(run)

    async def _drain(self, run: _Run) -> None:
        if not run.in_hand:
            return
        await asyncio.wait(run.in_hand, timeout=DRAIN_SEC)
        # A thread can't be stopped: whoever gets the message next asks anew, or finds what it has found by then.
        overdue = dict(run.in_hand)
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
                    # Its queue has no room for it at the tail, nor will have any if nothing in hand is tried again.
                    await pause(FULL_QUEUE_SEC, run.stopping)
        finally:
            observer.in_flight(ENTRY, -1)

    async def _resolve(self, job: Job, run: _Run) -> Outcome | None:
        """How the lookup ends; None: it has been in hand for too long."""
        if isinstance(job.event, InvalidMessage):
            # It waits for no provider.
            return job.event.request(self._context.clock)

        def on_hold(outcome: Outcome) -> None:
            self._holds.held([outcome])
            # What waits kills no process: others need not stand behind it. But where it waits for a claim, that may be
            # the one of the process which it has just killed.
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
                    self._holds.released([outcome])
                return self._settlement.settle(job, outcome, chosen)
        return [self._settlement.hand_back(job)]

    async def _publish(self, messages: list[Message], delivery: Delivery, run: _Run) -> bool:
        """Publish and acknowledge; False: what is to go to the lane's own queue finds it full."""
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
