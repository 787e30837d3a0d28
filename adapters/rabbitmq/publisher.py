"""Publishes replies and moved messages; each is confirmed by the broker, or raises an error.

Our queues are declared without a length limit. If a policy sets one, a full queue refuses messages.
"""

from collections.abc import Awaitable
from math import inf
from secrets import token_hex
from time import monotonic

from aiormq import Channel
from aiormq.exceptions import DeliveryError, PublishError

from adapters.rabbitmq.errors import NO_QUEUE, QUEUE_FULL, UNCONFIRMED, BrokerUnavailable, QueueFull
from adapters.rabbitmq.messages import DIRECT_REPLY, Message, unrouted
from adapters.rabbitmq.topology import QueueNames
from function.telemetry import Observer

CONFIRM_SEC = 30.0  # longest wait for a confirm; then the broker counts as lost
STALL_SEC = 5.0  # a lane is not ready if it waits for longer than this for the confirm of a move
STUCK_SEC = 300.0  # pause for a reply queue that confirmed nothing while others did: it may have lost its majority
FULL_QUEUE_LOG_SEC = 60.0  # shortest time between two log lines about one full queue


class Publisher:
    """Publishes on one channel in confirm mode, concurrently; each call waits for its own confirm.

    `routes_direct`: the broker returns a reply whose direct reply-to does not exist (since RabbitMQ 4.2).
    """

    def __init__(self, channel: Channel, names: QueueNames, observer: Observer, *, routes_direct: bool = False) -> None:
        self._channel = channel
        self._names = names
        self._observer = observer
        self._routes_direct = routes_direct
        self._moving: dict[str, float] = {}  # begin of each move in flight by the message's id, oldest first
        self._last_confirm = 0.0
        self._stuck_until: dict[str, float] = {}
        self._silent_until: dict[str, float] = {}

    @property
    def is_stalled(self) -> bool:
        """Whether a move waits for its confirm, and nothing has been confirmed for STALL_SEC."""
        return monotonic() - max(next(iter(self._moving.values()), inf), self._last_confirm) > STALL_SEC

    async def move(self, message: Message) -> None:
        """Publish once to a queue of this service. Raises QueueFull, BrokerUnavailable."""
        own_id = message.properties.message_id
        # The library distinguishes returned messages by their id: a duplicate of one in flight gets a new id.
        if not own_id or own_id in self._moving:
            own_id = message.properties.message_id = token_hex(16)
        self._moving[own_id] = monotonic()
        try:
            await self._publish(message, mandatory=True)
            self._last_confirm = monotonic()
        except PublishError:
            raise BrokerUnavailable(NO_QUEUE) from None
        except DeliveryError:
            now = monotonic()
            if now >= self._silent_until.get(message.queue, 0.0):
                self._silent_until[message.queue] = now + FULL_QUEUE_LOG_SEC
                self._observer.event(QUEUE_FULL, queue=message.queue)
            raise QueueFull(QUEUE_FULL) from None
        except TimeoutError:
            raise BrokerUnavailable(UNCONFIRMED) from None
        finally:
            del self._moving[own_id]
        self._observer.message_moved(message.queue.removeprefix(f"{self._names.source}."), message.moved)

    async def reply(self, message: Message) -> None:
        """Publish once to the sender's queue, or to `.unrouted` if that does not take it. Raises as `move`."""
        begun, refusal = monotonic(), ""
        # Older brokers return a message to a direct reply-to as unroutable although they deliver it.
        mandatory = self._routes_direct or not message.queue.startswith(f"{DIRECT_REPLY}.")
        try:
            if begun <= self._stuck_until.get(message.queue, 0.0):
                refusal = UNCONFIRMED
            else:
                await self._publish(message, mandatory=mandatory)
                self._last_confirm = monotonic()
        except PublishError:
            refusal = "unroutable"
        except DeliveryError:
            refusal = "refused"
        except TimeoutError:
            if self._last_confirm < begun:
                raise BrokerUnavailable(UNCONFIRMED) from None
            # The broker confirms messages to other queues: one client's queue must not stop the lane for all.
            self._stuck_until[message.queue] = monotonic() + STUCK_SEC
            refusal = UNCONFIRMED
        finally:
            self._observer.step("reply", monotonic() - begun)
        if refusal:
            await self.move(unrouted(message, self._names, refusal))

    def _publish(self, message: Message, *, mandatory: bool) -> Awaitable[object]:
        return self._channel.basic_publish(
            message.body,
            routing_key=message.queue,
            properties=message.properties,
            mandatory=mandatory,
            timeout=CONFIRM_SEC,
            wait=False,
        )
