"""The names and arguments of all queues, derived from the source queue's name and the retry delay.

Every queue is a quorum queue. The broker dead-letters at least once: expired messages of `.retry` to `.lookup`, and
messages that reached the delivery limit to `.dead`. Counted failures go to `.retry` by a confirmed publish, not by the
broker: if `.lookup` dead-lettered to `.retry`, a message at the delivery limit would go in a circle, and get stuck.
"""

from collections.abc import Mapping
from typing import NamedTuple

DELIVERY_LIMIT = 6
"""Returns of an unacknowledged message from dead consumers, after which the broker parks it: 7 deliveries."""

UNLIMITED = 2**31 - 1
"""RabbitMQ 4 has a default limit of 20, and 3.10 has no value for "none". A policy with a smaller limit wins."""

Argument = str | int


class Names:
    """The queues' names. `all`: no reply may go to one of these."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lookup = f"{source}.lookup"
        self.retry = f"{source}.retry"
        self.dead = f"{source}.dead"
        self.unrouted = f"{source}.unrouted"
        self.all = frozenset((source, self.lookup, self.retry, self.dead, self.unrouted))


class Queue(NamedTuple):
    """A durable queue and the arguments it is declared with."""

    name: str
    arguments: Mapping[str, Argument]


def queues(names: Names, retry_sec: float) -> tuple[Queue, ...]:
    """All queues, in the order to declare them: a queue after the one that it dead-letters to."""
    delay: dict[str, Argument] = {"x-message-ttl": round(retry_sec * 1000)}
    return (
        _queue(names.dead, UNLIMITED, {}),
        _queue(names.unrouted, UNLIMITED, {}),
        _queue(names.lookup, DELIVERY_LIMIT, _dead_lettering_to(names.dead)),
        _queue(names.retry, UNLIMITED, delay | _dead_lettering_to(names.lookup)),
        _queue(names.source, DELIVERY_LIMIT, _dead_lettering_to(names.dead)),
    )


def queue_mismatch_hint(queue: str, argument: str = "") -> str:
    """The message for a queue that exists with other arguments; `argument`: the first that differs, "" if unknown."""
    different = f"another {argument}" if argument else "other arguments"
    return (
        f"the queue {queue} exists with {different} than this service declares, and a queue's arguments cannot"
        " be changed. Stop whoever uses it, move its messages elsewhere (rabbitmqctl list_queues name arguments"
        " messages; the shovel plug-in moves them), delete it and start again; where APP_REQUEST_RETRY_SEC was"
        " changed, only the queue that ends in .retry is concerned. Or choose another RABBITMQ_SOURCE_QUEUE_NAME."
    )


def missing_queue_hint(queue: str) -> str:
    """The message for a queue that does not exist while RABBITMQ_DECLARE is false."""
    return (
        f"the queue {queue} does not exist, and RABBITMQ_DECLARE is false: import deploy/rabbitmq/definitions.json,"
        " with your own names, or let this service declare its queues (RABBITMQ_DECLARE=true)"
    )


def _queue(name: str, delivery_limit: int, arguments: Mapping[str, Argument]) -> Queue:
    return Queue(name, {"x-queue-type": "quorum", "x-delivery-limit": delivery_limit, **arguments})


def _dead_lettering_to(queue: str) -> dict[str, Argument]:
    return {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        # At-least-once requires it. Without a length limit nothing is ever refused.
        "x-overflow": "reject-publish",
    }
