"""What hosts and adapters report of their work, in the core's words: one Observer turns it into logs, metrics, traces.

Nothing that passes here may hold personal data: ids, codes, names of parts and numbers only.
What is not among the words below is counted as "other".
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from function.outcomes import Reason, Status

ENTRIES = ("http", "rabbitmq")
STATUSES = (*Status, *Reason, "refused")
"""How a request ends, or why it waits; `refused`: it was none, or not allowed."""
PROVIDERS = ("nalog", "apifns")
OUTCOMES = (*Status, *Reason)
STEPS = ("find", "claim", "fetch", "save", "reply")
HOLD_REASONS = (Reason.STORE_UNAVAILABLE, Reason.IN_PROGRESS)
"""Why messages wait in hand. Where it is a closed provider, that is told once, as what it is."""
CHECKS = ("store", "providers", "fast_lane", "slow_lane")
"""What a process is ready by: the last two are the consumer's, each a connection to RabbitMQ."""
QUEUES = ("lookup", "retry", "dead", "unrouted")


@dataclass(frozen=True, slots=True)
class LookupEvent:
    """One request that has come to an end, or was put off (`status` is then the reason's code).

    `entry`: http or rabbitmq; `seconds`: of this processing; `attempt`: 1 for the first;
    `traceparent`: W3C's, or "".
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
    """Takes reports, from any thread; never raises, never blocks. This one discards them."""

    def in_flight(self, entry: str, change: int) -> None:
        """So many requests more are in work at this entry, or fewer where negative; however they end."""

    def lookup(self, event: LookupEvent) -> None:
        """One line in the log, and the request's metrics."""

    def step(self, name: str, seconds: float) -> None:
        """One of STEPS took this long."""

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        """A provider was asked. `outcome`: a status, or a reason's code."""

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        """A provider is shut for about so many seconds; 0: it is open again."""

    def message_moved(self, queue: str, reason: str) -> None:
        """A message went to one of QUEUES, and why: a reason's code, rejected, or another code."""

    def held(self, reason: str, count: int) -> None:
        """So many messages were tried in vain and wait in hand for the next try. `reason`: one of HOLD_REASONS."""

    def event(self, name: str, /, **facts: str | float) -> None:
        """Something worth a line in the log, as started, reconnecting or draining.

        A fact whose name or value the log does not know as harmless is left out.
        """

    def error(self, where: str, error: BaseException) -> None:
        """A bug or a fault: its type and its place get logged, its text never."""

    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        """A span of a trace, begun `ago` seconds ago; gives the traceparent to hand on.

        It continues the trace that `traceparent` names, else the span that is open in this context,
        else it begins a trace. The first word of `name` says what kind of work it is: serve (HTTP),
        consume, publish (messages), ask (a provider), or any other.
        """
        return nullcontext(traceparent)
