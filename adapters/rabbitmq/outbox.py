"""What is published is confirmed by the broker, or it is an error: nothing is acknowledged on hope."""

from time import monotonic

from aiormq import Channel
from aiormq.exceptions import DeliveryError, PublishError

from adapters.rabbitmq import moves
from adapters.rabbitmq.faults import BrokerAway
from adapters.rabbitmq.messages import DIRECT_REPLY, Message
from adapters.rabbitmq.topology import Names
from function.telemetry import Observer

CONFIRM_SEC = 30.0
"""A broker that has confirmed nothing for so long counts as lost."""
STUCK_SEC = 300.0
"""For so long no reply is tried at a queue that confirmed none while others did: it may have lost its majority."""


class Outbox:
    """Publishes on one channel, which is in confirm mode. Many may publish at once; each waits for its own confirmation."""

    def __init__(self, channel: Channel, names: Names, observer: Observer) -> None:
        self._channel = channel
        self._names = names
        self._observer = observer
        self._ids: set[str | None] = set()
        self._confirmed = 0.0
        self._stuck_until: dict[str, float] = {}

    async def send(self, message: Message) -> None:
        """Publish one. Raises DeliveryError where a queue of ours is gone or full, BrokerAway where nothing is confirmed."""
        if message.moved is None:
            await self._reply(message)
        else:
            await self._move(message, message.moved)

    async def _reply(self, message: Message) -> None:
        """To the sender's queue, or to `.unrouted` where there is none or it takes nothing."""
        begun = monotonic()
        try:
            stuck = begun <= self._stuck_until.get(message.queue, 0.0)
            why = "unconfirmed" if stuck else await self._refusal(message, begun)
            if why:
                await self.send(moves.unrouted(message, self._names, why))
        finally:
            self._observer.step("reply", monotonic() - begun)

    async def _refusal(self, message: Message, begun: float) -> str:
        """Why the sender's queue did not take a reply; "": it did."""
        # The broker returns what goes to a direct reply-to as unroutable even as it delivers it.
        mandatory = not message.queue.startswith(f"{DIRECT_REPLY}.")
        try:
            await self._publish(message, mandatory=mandatory)
        except PublishError:
            return "unroutable"
        except DeliveryError:
            return "refused"
        except BrokerAway:
            if self._confirmed < begun:
                raise
            # The broker confirms what goes to other queues: one customer's must not stop the lane for all.
            self._stuck_until[message.queue] = monotonic() + STUCK_SEC
            return "unconfirmed"
        return ""

    async def _move(self, message: Message, reason: str) -> None:
        own_id = message.properties.message_id
        # The library tells returned messages apart by their id: one that is under way already gets a new one.
        if own_id in self._ids:
            own_id = message.properties.message_id = None
        self._ids.add(own_id)
        try:
            await self._publish(message, mandatory=True)
        finally:
            self._ids.discard(own_id)
        self._observer.moved(message.queue.removeprefix(f"{self._names.source}."), reason)

    async def _publish(self, message: Message, *, mandatory: bool) -> None:
        try:
            await self._channel.basic_publish(
                message.body,
                routing_key=message.queue,
                properties=message.properties,
                mandatory=mandatory,
                timeout=CONFIRM_SEC,
                wait=False,
            )
        except TimeoutError:
            raise BrokerAway("unconfirmed") from None
        self._confirmed = monotonic()
