"""The queues as data: their names and arguments, all a function of the source queue's name and the retry delay.

Every queue is a quorum queue. What the broker moves by itself, it moves at least once:
an expired message of `.retry` to `.lookup`, and to `.dead` what came back from a dying consumer too often.
Counted failures go to `.retry` by a confirmed publish, not by the broker: were `.lookup` to dead-letter
there, a message that reached the delivery limit would run in a circle that the broker breaks by keeping it.
"""

from collections.abc import Mapping
from typing import NamedTuple

DELIVERY_LIMIT = 6
"""Returns from consumers that died with a message in hand, after which the broker parks it: 7 deliveries."""

UNLIMITED = 2**31 - 1
"""RabbitMQ 4 has a limit of 20 by default and 3.10 knows no word for none. A policy with a smaller one wins."""

Argument = str | int


class Names:
    """The queues' names. `all`: every one of them; no reply may go there."""

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
    """All queues, in the order to declare them: whereto a queue moves messages exists before it."""
    delay: dict[str, Argument] = {"x-message-ttl": round(retry_sec * 1000)}
    return (
        _queue(names.dead, UNLIMITED, {}),
        _queue(names.unrouted, UNLIMITED, {}),
        _queue(names.lookup, DELIVERY_LIMIT, _dead_lettering_to(names.dead)),
        _queue(names.retry, UNLIMITED, delay | _dead_lettering_to(names.lookup)),
        _queue(names.source, DELIVERY_LIMIT, _dead_lettering_to(names.dead)),
    )


def queue_mismatch_hint(queue: str, argument: str = "") -> str:
    """What to do about a queue that exists with other arguments; `argument`: the first that differs, where it is known."""
    different = f"another {argument}" if argument else "other arguments"
    return (
        f"the queue {queue} exists with {different} than this service declares, and a queue's arguments cannot"
        " be changed. Stop whoever uses it, move its messages elsewhere (rabbitmqctl list_queues name arguments"
        " messages; the shovel plug-in moves them), delete it and start again; where APP_REQUEST_RETRY_SEC was"
        " changed, only the queue that ends in .retry is concerned. Or choose another RABBITMQ_SOURCE_QUEUE_NAME."
    )


def missing_queue_hint(queue: str) -> str:
    """What to do about a queue that does not exist, where RABBITMQ_DECLARE is false."""
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
        # At-least-once demands it. Without a length limit nothing is ever refused.
        "x-overflow": "reject-publish",
    }
