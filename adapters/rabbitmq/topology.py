"""The names and arguments of all queues; the arguments are derived from the source queue's name and the retry delay.

Every queue is a durable quorum queue. The broker dead-letters at least once: expired messages of `.retry` to `.lookup`, and
messages that reached the delivery limit to `.dead`. Counted failures go to `.retry` by a confirmed publish, not by the
broker: if `.lookup` dead-lettered to `.retry`, a message at the delivery limit would go in a circle, and get stuck.
"""

from typing import Any

DELIVERY_LIMIT = 6  # returns from dead consumers after which the broker parks a message: 7 deliveries
UNLIMITED = 2**31 - 1  # 3.10 has no value for "none", 4 a default of 20; a policy's lower limit wins

Arguments = dict[str, Any]


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
