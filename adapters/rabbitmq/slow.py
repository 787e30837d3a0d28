"""The slow lane: requests whose answer is not cached, each in a thread, at the provider's pace.

A delivery that has to wait (for its turn, for another worker's fetch, for the store) stays in hand and
takes one place of the prefetch: while every provider is closed, all places wait, and no more come.
"""

import asyncio
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from time import monotonic

from adapters.rabbitmq.intake import Intake
from adapters.rabbitmq.messages import Delivery, Message
from adapters.rabbitmq.patience import Bell, Patience
from adapters.rabbitmq.sending import AGAIN_SEC, Sender
from adapters.rabbitmq.session import Session
from adapters.rabbitmq.settling import WAIT
from adapters.rabbitmq.stopping import closing
from adapters.rabbitmq.waits import Waits
from adapters.rabbitmq.work import ENTRY, Clerk, Job, Work
from function.handler import broken, handle_missed
from function.outcomes import Deferred, Outcome

DRAIN_SEC = 60.0
"""What is in a thread when the process is to stop may take so long: longer than a lookup does; a pod has 120 seconds."""


@dataclass(slots=True, eq=False)
class _Shift:
    """One connection's work: what is in hand by its task."""

    session: Session
    intake: Intake
    sender: Sender
    bell: Bell
    stopping: asyncio.Event
    in_hand: "dict[asyncio.Task[None], Delivery]"


class SlowLane:
    """Works on `.lookup`, one `run` for each connection; as many at a time as there are `threads`."""

    def __init__(self, work: Work, places: int, threads: Executor) -> None:
        self.queue = work.names.lookup
        self._work = work
        self._places = places
        self._threads = threads
        self._clerk = Clerk(work, self.queue)
        self._waits = Waits(work.observer, self.queue)

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then end what is in a thread, within bounds, and hand the rest back."""
        intake = Intake(session.channel, self.queue, self._places)
        bell = Bell()
        sender = Sender(session.outbox, self._work, bell, stopping)
        shift = _Shift(session, intake, sender, bell, stopping, {})
        async with asyncio.TaskGroup() as group:
            async with closing(intake, shift.bell, stopping):
                while deliveries := await intake.take(self._places):
                    for delivery in deliveries:
                        task = group.create_task(self._one(delivery, shift))
                        shift.in_hand[task] = delivery
                        task.add_done_callback(shift.in_hand.pop)
            await self._drain(shift)

    async def _drain(self, shift: _Shift) -> None:
        if not shift.in_hand:
            return
        await asyncio.wait(shift.in_hand, timeout=DRAIN_SEC)
        # A thread can't be stopped: whoever gets the message next asks anew, or finds what it has found by then.
        overdue = dict(shift.in_hand)
        for task in overdue:
            task.cancel()
        for delivery in overdue.values():
            await self._led_to([self._clerk.handed_back(self._clerk.job(delivery))], delivery, shift)

    async def _one(self, delivery: Delivery, shift: _Shift) -> None:
        self._work.observer.in_work(ENTRY, 1)
        try:
            await shift.intake.accept(delivery)
            job = self._clerk.job(delivery)
            with self._work.observer.span("consume lookup", job.envelope.traceparent) as job.trace:
                await self._settle(job, shift)
        finally:
            self._work.observer.in_work(ENTRY, -1)

    async def _settle(self, job: Job, shift: _Shift) -> None:
        patience = Patience(job.delivery.arrived)
        while not await self._settled(job, shift, patience):
            # Its queue has no room for it at the tail, nor will have any if nothing in hand is tried again.
            await shift.bell.sleep(AGAIN_SEC)
            patience = Patience(monotonic())

    async def _settled(self, job: Job, shift: _Shift, patience: Patience) -> bool:
        """Try it until it ends or goes to another place; False: there is none, and it stays in hand."""
        while not shift.stopping.is_set() and not patience.ended:
            outcome = job.envelope.fault or await self._handled(job)
            fate = self._clerk.fate(job, outcome)
            if fate is not WAIT:
                self._waits.passed([outcome])
                if not isinstance(outcome, Deferred):
                    shift.bell.succeeded()
                return await self._led_to(self._clerk.settlement(job, outcome, fate), job.delivery, shift)
            self._waits.kept([outcome])
            # Who waits kills nobody: others need not stand behind it.
            await shift.intake.widen()
            await shift.bell.sleep(patience.nap(outcome))
        return await self._led_to([self._clerk.handed_back(job)], job.delivery, shift)

    async def _led_to(self, messages: list[Message], delivery: Delivery, shift: _Shift) -> bool:
        """Publish and acknowledge; False: what is to go to the lane's own queue finds it full."""
        for message in messages:
            if message.queue != self.queue:
                await shift.sender.send(message)
            elif not await shift.sender.offer(message):
                return False
        await shift.session.channel.basic_ack(delivery.tag, wait=False)
        return True

    async def _handled(self, job: Job) -> Outcome:
        loop = asyncio.get_running_loop()
        try:
            # With its context: what the thread does belongs to this request's trace.
            work = partial(copy_context().run, handle_missed, job.envelope.event, self._work.ports)
            return await loop.run_in_executor(self._threads, work)
        except Exception as bug:  # noqa: BLE001  # whatever it is, it is one request's, and not the lane's
            self._work.observer.trouble("slow_lane", bug)
            return broken(job.envelope.event, self._work.ports)
