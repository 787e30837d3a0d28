"""Names and declares all queues; their arguments are derived from the source queue's name and the retry delay.

Every queue is a durable quorum queue. The broker dead-letters at least once: expired messages of `.retry` to `.lookup`, and
messages that reached the delivery limit to `.dead`. Counted failures go to `.retry` by a confirmed publish, not by the
broker: if `.lookup` dead-lettered to `.retry`, a message at the delivery limit would go in a circle, and get stuck.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel

from adapters.rabbitmq.errors import BrokerRefused

DELIVERY_LIMIT = 6  # returns from dead consumers after which the broker parks a message: 7 deliveries
UNLIMITED = 2**31 - 1  # RabbitMQ 3.10 has no value for "none", 4 a default of 20; a policy's lower limit wins

Arguments = dict[str, Any]
_DIFFERENT_ARGUMENT = re.compile(r"inequivalent arg '([\w-]+)'")
_MISMATCH = (
    "the queue {} exists with {} than this service declares, and a queue's arguments cannot be changed. Stop whoever"
    " uses it, move its messages elsewhere (rabbitmqctl list_queues name arguments messages; the shovel plug-in moves"
    " them), delete it and start again; where APP_REQUEST_RETRY_SEC was changed, only the queue that ends in .retry is"
    " concerned. Or choose another RABBITMQ_SOURCE_QUEUE_NAME."
)
_MISSING = (
    "the queue {} does not exist, and RABBITMQ_DECLARE is false: import deploy/rabbitmq/definitions.json, with your own"
    " names, or let this service declare its queues (RABBITMQ_DECLARE=true)"
)


class QueueNames:
    """The queues' names. `all`: no reply may go to one of these."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lookup = f"{source}.lookup"
        self.retry = f"{source}.retry"
        self.dead = f"{source}.dead"
        self.unrouted = f"{source}.unrouted"
        self.all = frozenset((source, self.lookup, self.retry, self.dead, self.unrouted))


def queues(names: QueueNames, retry_sec: float) -> dict[str, Arguments]:
    """The arguments of every queue, in the order to declare them: a queue after the one that it dead-letters to."""
    unlimited: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED}
    to_lookup = unlimited | {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": names.lookup,
        "x-dead-letter-strategy": "at-least-once",
        # At-least-once requires it. Without a length limit nothing is ever refused.
        "x-overflow": "reject-publish",
    }
    to_dead = to_lookup | {"x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-routing-key": names.dead}
    return {
        names.dead: unlimited,
        names.unrouted: unlimited,
        names.lookup: to_dead,
        names.retry: to_lookup | {"x-message-ttl": round(retry_sec * 1000)},
        names.source: to_dead,
    }


async def declare_queues(
    open_channel: Callable[[], Awaitable[AbstractChannel]], names: QueueNames, retry_sec: float, *, create: bool
) -> None:
    """Declare the queues, or only compare them with their declarations. Raises BrokerRefused."""
    for name, arguments in queues(names, retry_sec).items():
        channel = await open_channel()  # an error closes a channel
        try:
            if not create:
                await channel.queue_declare(name, passive=True)
            await channel.queue_declare(name, durable=True, arguments=arguments)
        except (amqp.ChannelPreconditionFailed, amqp.ChannelLockedResource) as differs:
            named = _DIFFERENT_ARGUMENT.search(str(differs))
            different = f"another {named[1]}" if named else "other arguments"
            raise BrokerRefused(_MISMATCH.format(name, different)) from None
        except amqp.ChannelNotFoundEntity:
            raise BrokerRefused(_MISSING.format(name)) from None
        except amqp.ChannelAccessRefused:
            # Without the permission to configure, the broker compares no arguments.
            if create:
                raise
