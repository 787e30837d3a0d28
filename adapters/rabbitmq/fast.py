"""The fast lane: what waits in the source queue, a batch at a time, answered from the cache or moved on.

Batches are settled in their order, so that one acknowledgement settles a whole one.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import monotonic

from adapters.rabbitmq.intake import Intake
from adapters.rabbitmq.messages import Message
from adapters.rabbitmq.patience import Bell, Patience
from adapters.rabbitmq.sending import Sender
from adapters.rabbitmq.session import Session
from adapters.rabbitmq.settling import WAIT, Fate
from adapters.rabbitmq.stopping import closing
from adapters.rabbitmq.waits import Waits
from adapters.rabbitmq.work import ENTRY, Clerk, Job, Work
from function.handler import broken
from function.outcomes import Outcome
from function.request import Event
from function.waiting import Waiting

MAX_TOGETHER = 256
"""Deliveries of one batch at the most."""


@dataclass(slots=True, eq=False)
class _Batch:
    """Deliveries that are settled together, when all they led to is published. `tag`: the last one's."""

    tag: int
    size: int
    published: asyncio.Task[None]


class FastLane:
    """Works on the source queue, one `run` for each connection. It takes one of the `threads` at a time."""

    def __init__(self, work: Work, prefetch: int, threads: Executor) -> None:
        self.queue = work.names.source
        self._work = work
        self._prefetch = prefetch
        self._threads = threads
        self._clerk = Clerk(work, self.queue)
        self._waits = Waits(work.observer, self.queue)
        self._in_hand = 0

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then settle what is in hand."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._work_on(session, stopping, group)
        finally:
            self._hold(-self._in_hand)

    async def _work_on(self, session: Session, stopping: asyncio.Event, group: asyncio.TaskGroup) -> None:
        batches: asyncio.Queue[_Batch | None] = asyncio.Queue()
        group.create_task(self._settle(session, batches))
        intake, bell = Intake(session.channel, self.queue, self._prefetch), Bell()
        sender = Sender(session.outbox, self._work, bell, stopping)
        async with closing(intake, bell, stopping):
            while deliveries := await intake.take(MAX_TOGETHER):
                self._hold(len(deliveries))
                await intake.accept(deliveries[0])
                messages = await self._ended([self._clerk.job(each) for each in deliveries], stopping, bell)
                published = group.create_task(_publish(sender, messages))
                batches.put_nowait(_Batch(deliveries[-1].tag, len(deliveries), published))
        batches.put_nowait(None)

    async def _ended(self, jobs: list[Job], stopping: asyncio.Event, bell: Bell) -> list[Message]:
        """What a batch leads to. While the store is away it stays in hand: nobody's retry is burnt."""
        patience = Patience(jobs[0].delivery.arrived)
        while True:
            outcomes = await self._outcomes(jobs)
            fates = [self._clerk.fate(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
            if WAIT not in fates:
                self._waits.passed(outcomes)
                break
            self._waits.kept(outcome for outcome, fate in zip(outcomes, fates, strict=True) if fate is WAIT)
            if stopping.is_set() or patience.ended:
                break
            await bell.sleep(patience.nap(outcomes[fates.index(WAIT)]))
        messages: list[Message] = []
        for job, outcome, fate in zip(jobs, outcomes, fates, strict=True):
            messages += self._messages(job, outcome, fate)
        return messages

    def _messages(self, job: Job, outcome: Outcome, fate: Fate | None) -> list[Message]:
        if fate is WAIT:
            return [self._clerk.handed_back(job)]
        ago = monotonic() - job.delivery.arrived
        with self._work.observer.span("consume request", job.envelope.traceparent, ago) as job.trace:
            return self._clerk.settlement(job, outcome, fate)

    async def _outcomes(self, jobs: Sequence[Job]) -> list[Outcome]:
        events = [job.envelope.event for job in jobs if job.envelope.fault is None]
        handled = iter(await self._handled(events) if events else ())
        return [job.envelope.fault or next(handled) for job in jobs]

    async def _handled(self, events: list[Event]) -> list[Outcome]:
        """How they end; what is not at hand by one hop to a thread and one round trip to the store."""
        try:
            waiting = Waiting(events, self._work.ports)
            if waiting.at_hand:
                return waiting.outcomes()
            return await asyncio.get_running_loop().run_in_executor(self._threads, waiting.outcomes)
        except Exception as bug:  # noqa: BLE001  # whatever it is, it is one request's, and not the lane's
            self._work.observer.trouble("fast_lane", bug)
        if len(events) == 1:
            return [broken(events[0], self._work.ports)]
        return [outcome for event in events for outcome in await self._handled([event])]

    async def _settle(self, session: Session, batches: "asyncio.Queue[_Batch | None]") -> None:
        while batch := await batches.get():
            await batch.published
            await session.channel.basic_ack(batch.tag, multiple=True, wait=False)
            self._hold(-batch.size)

    def _hold(self, change: int) -> None:
        self._in_hand += change
        self._work.observer.in_work(ENTRY, change)


async def _publish(sender: Sender, messages: Sequence[Message]) -> None:
    await asyncio.gather(*[sender.send(message) for message in messages])
