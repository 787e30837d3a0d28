"""The fast lane: answers deliveries of the source queue from the cache, in batches, or moves them to `.lookup`.

Batches are acknowledged in order, each with a single acknowledgement.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.disposition import HOLD
from adapters.rabbitmq.hold_report import HoldReport
from adapters.rabbitmq.messages import Message
from adapters.rabbitmq.settlement import ENTRY, Job, LaneContext, Settlement
from adapters.rabbitmq.subscription import Subscription
from adapters.runtime.backoff import Backoff, pause
from adapters.runtime.lookup_runner import MAX_BATCH
from function.event import Event
from function.outcomes import Deferred, Outcome, Reason, Rejected

HOLD_SEC = 300.0
"""Longest hold of a delivery; then it returns to the tail of its queue. RabbitMQ itself allows 30 minutes."""
FIRST_BACKOFF_SEC = 0.1
LONGEST_BACKOFF_SEC = 2.0

_Batches = asyncio.Queue[tuple[int, int, asyncio.Task[None]] | None]
"""The last delivery's tag, the number of deliveries, and the publication of all their messages."""


class FastLane:
    """Works on the source queue, one `run` for each connection. `prefetch`: the most unacknowledged deliveries."""

    def __init__(self, context: LaneContext, prefetch: int) -> None:
        self.queue = context.names.source
        self._context = context
        self._prefetch = prefetch
        self._settlement = Settlement(context, self.queue)
        self._holds = HoldReport(context.observer, self.queue)
        self._unacknowledged = 0

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then settle the deliveries that have arrived."""
        subscription = Subscription(connection.channel, self.queue, self._prefetch)
        batches: _Batches = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._acknowledge(connection, batches))
                async with subscription.open(stopping):
                    while deliveries := await subscription.take(MAX_BATCH):
                        self._count(len(deliveries))
                        if not subscription.full_prefetch:
                            await subscription.note_delivery(deliveries[0])
                        messages = await self._process(list(map(self._settlement.decode, deliveries)), stopping)
                        published = group.create_task(_publish(connection, messages, stopping))
                        batches.put_nowait((deliveries[-1].tag, len(deliveries), published))
                batches.put_nowait(None)
        finally:
            self._count(-self._unacknowledged)

    async def _process(self, jobs: list[Job], stopping: asyncio.Event) -> list[Message]:
        """The messages that settle a batch. It is held while the store is unavailable, which counts no retry."""
        events = [job.event for job in jobs]
        backoff = None
        while True:
            outcomes = await self._find_cached(events)
            chosen = list(map(self._settlement.disposition, jobs, outcomes))
            if HOLD not in chosen:
                if self._holds.outage_since is not None:
                    self._holds.report_released(outcomes)
                break
            self._holds.report_held(outcome for outcome, each in zip(outcomes, chosen, strict=True) if each is HOLD)
            if stopping.is_set() or monotonic() > jobs[0].delivery.arrived + HOLD_SEC:
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

    async def _acknowledge(self, connection: BrokerConnection, batches: _Batches) -> None:
        while batch := await batches.get():
            tag, size, published = batch
            await published
            await connection.channel.basic_ack(tag, multiple=True, wait=False)
            self._count(-size)

    def _count(self, change: int) -> None:
        self._unacknowledged += change
        self._context.observer.in_flight(ENTRY, change)


async def _publish(connection: BrokerConnection, messages: Sequence[Message], stopping: asyncio.Event) -> None:
    await asyncio.gather(*[connection.publisher.deliver(message, stopping) for message in messages])
