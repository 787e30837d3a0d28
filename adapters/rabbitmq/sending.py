"""How a lane publishes: what a full queue refuses is tried again, and holds up nothing that goes elsewhere.

Our queues are declared without a length limit; where a policy gives one, they refuse what is beyond it.
"""

import asyncio
from time import monotonic

from aiormq.exceptions import DeliveryError, PublishError

from adapters.rabbitmq.faults import BrokerAway
from adapters.rabbitmq.messages import Message
from adapters.rabbitmq.outbox import Outbox
from adapters.rabbitmq.patience import Bell
from adapters.rabbitmq.settling import HANDED_BACK
from adapters.rabbitmq.work import Work

FULL = "queue_full"
AGAIN_SEC = 1.0
APART_SEC = 60.0
"""A full queue has one line in so long, and not one for each try."""


class Sender:
    """One connection's."""

    def __init__(self, outbox: Outbox, work: Work, bell: Bell, stopping: asyncio.Event) -> None:
        self._outbox = outbox
        self._work = work
        self._bell = bell
        self._stopping = stopping
        self._silent_until: dict[str, float] = {}

    async def send(self, message: Message) -> None:
        """Publish it, as soon as its queue takes it. Raises as `offer` does."""
        while not await self.offer(message):
            if message.moved == HANDED_BACK:
                # Only this lane empties its queue: the broker takes back what it has in hand.
                raise BrokerAway(FULL)
            await self._bell.sleep(AGAIN_SEC)

    async def offer(self, message: Message) -> bool:
        """Publish it; False: its queue is full now. Raises as Outbox.send does, and BrokerAway for a full one at the end."""
        try:
            await self._outbox.send(message)
        except PublishError:
            raise
        except DeliveryError:
            self._tell(self._work.names.unrouted if message.moved is None else message.queue)
            if self._stopping.is_set():
                raise BrokerAway(FULL) from None
            return False
        return True

    def _tell(self, queue: str) -> None:
        now = monotonic()
        if now >= self._silent_until.get(queue, 0.0):
            self._silent_until[queue] = now + APART_SEC
            self._work.observer.event(FULL, queue=queue)
