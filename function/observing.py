"""What hosts and adapters report of their work, in the core's words: one Observer turns it into logs, metrics, traces.

Nothing that passes here may hold personal data: ids, codes, names of parts and numbers only.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ended:
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


class Observer(Protocol):
    """Takes reports; never raises, never blocks."""

    def ended(self, lookup: Ended) -> None:
        """One line in the log, and the request's metrics."""

    def step(self, name: str, seconds: float) -> None:
        """A step of a lookup (find, claim, fetch, save, reply) took this long."""

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        """A provider was asked. `outcome`: a status, or a reason's code."""

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        """A provider is shut for about so many seconds; 0: it is open again."""

    def moved(self, queue: str, reason: str) -> None:
        """A message went to lookup, retry, dead or unrouted, and why (a code)."""

    def event(self, name: str, **facts: str | float) -> None:
        """Something worth a line in the log, as started, reconnecting or draining."""

    def trouble(self, where: str, error: BaseException) -> None:
        """A bug or a fault: its type and its place get logged, its text never."""

    def span(self, name: str, traceparent: str = "") -> AbstractContextManager[str]:
        """A span of a trace, in the caller's one where `traceparent` names it; gives the traceparent to hand on."""


class Silent:
    """An Observer that keeps it all to itself."""

    def ended(self, lookup: Ended) -> None:
        """Say nothing."""

    def step(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def provider_called(self, provider: str, outcome: str, seconds: float) -> None:
        """Say nothing."""

    def provider_closed(self, provider: str, why: str, seconds: float) -> None:
        """Say nothing."""

    def moved(self, queue: str, reason: str) -> None:
        """Say nothing."""

    def event(self, name: str, **facts: str | float) -> None:
        """Say nothing."""

    def trouble(self, where: str, error: BaseException) -> None:
        """Say nothing."""

    def span(self, name: str, traceparent: str = "") -> AbstractContextManager[str]:
        """Hand on what came."""
        return nullcontext(traceparent)
