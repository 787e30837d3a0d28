"""`Observer`, the port for logs, metrics and traces; the fields of a lookup's log line (`LookupEvent`); label values.

No argument may hold personal data: ids, codes, component names and numbers only. A value that is not
among those below is counted as "other".
"""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from function.outcomes import Reason, Status

ENTRIES = ("http", "rabbitmq")
STATUSES = (*Status, *Reason, "refused")
"""How a request ends, or why it waits; `refused`: not a valid request, or not allowed."""
PROVIDERS = ("nalog", "apifns")
OUTCOMES = (*Status, *Reason)
STEPS = ("find", "claim", "fetch", "save", "reply")
HOLD_REASONS = (Reason.STORE_UNAVAILABLE, Reason.IN_PROGRESS)
"""Reasons reported by `held`. Waiting for an open circuit is reported by `provider_closed` instead."""
CHECKS = ("store", "providers", "fast_lane", "slow_lane")
"""The readiness checks; the last two are the consumer's connections to RabbitMQ."""
QUEUES = ("lookup", "retry", "dead", "unrouted")


class LookupEvent(NamedTuple):
    """One request that ended or was deferred (`status` is then the reason's code): the fields of its log line.

    `entry`: http or rabbitmq; `seconds`: of this processing; `attempt`: from 1; `traceparent`: W3C's, or "".
    """

    entry: str
    request_id: str
    status: str
    cached: bool
    provider: str
    seconds: float
    attempt: int = 1
    traceparent: str = ""


class Observer:
    """Thread-safe; no method raises or blocks. This one discards all reports."""

    def in_flight(self, entry: str, change: int) -> None:
        """The number of requests being processed at this entry changes by `change`."""

    def lookup(self, event: LookupEvent) -> None:
        """A request ended or was deferred: one log line, and its metrics."""

    def step(self, name: str, seconds: float) -> None:
        """One of STEPS took `seconds`."""

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        """A provider was asked. `outcome`: a status, or a reason's code."""

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        """The provider's circuit opened (it is not asked) for about `seconds`; 0: it closed again."""

    def message_moved(self, queue: str, reason: str) -> None:
        """A message went to one of QUEUES. `reason`: a reason's code, rejected, or another code."""

    def held(self, reason: str, count: int) -> None:
        """`count` messages are held for another attempt. `reason`: one of HOLD_REASONS."""

    def event(self, name: str, /, **facts: str | float) -> None:
        """A log line, as started, reconnecting or draining. Facts that the log's allow-list lacks are left out."""

    def error(self, where: str, error: BaseException) -> None:
        """A bug or a fault: its type and place are logged, its text never."""

    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        """A span that started `ago` seconds ago; yields the traceparent to propagate.

        Its parent is `traceparent`, else the span open in this context, else none. The first word of `name` is the
        kind of work: serve (HTTP), consume, publish (messages), ask (a provider), or any other.
        """
        return nullcontext(traceparent)
