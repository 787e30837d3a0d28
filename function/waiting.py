"""What the cache alone can say of requests: from memory at once, and of many that wait together by one round trip.

The provider is not asked, and nobody is claimed: who is not known is `Deferred(NOT_HERE)`.
"""

from collections.abc import Sequence

from function.handler import read
from function.outcomes import Answered, Deferred, Outcome, Reason, Rejected
from function.ports import Ports, Unavailable
from function.request import Event, LookupRequest


class Waiting:
    """Events that wait together, read. A host whose loop must not block calls `outcomes` in a thread, unless all are `at_hand`."""

    def __init__(self, events: Sequence[Event], ports: Ports) -> None:
        self._ports = ports
        self._known: list[LookupRequest | Outcome] = [_at_hand(read(event, ports), ports) for event in events]
        self._unmet = [request for request in self._known if isinstance(request, LookupRequest)]

    @property
    def at_hand(self) -> bool:
        """Whether the outcomes are known here and now, with nobody to be asked."""
        return not self._unmet

    def outcomes(self) -> list[Outcome]:
        """How the events end, in their order."""
        rest = iter(from_cache(self._unmet, self._ports) if self._unmet else ())
        return [next(rest) if isinstance(known, LookupRequest) else known for known in self._known]


def recalled(request: LookupRequest, ports: Ports) -> Answered | None:
    """The answer, where this process has met the person a moment ago."""
    known = ports.memory.recall(request.person)
    return None if known is None else Answered(request, known, cached=True)


def from_cache(requests: Sequence[LookupRequest], ports: Ports) -> list[Outcome]:
    """What the store says of the requests, in their order."""
    try:
        known = ports.answers.find_many([request.person for request in requests])
    except Unavailable as no:
        return [Deferred(request, no.reason, no.retry_after) for request in requests]
    answers = ((request, known.get(request.person)) for request in requests)
    return [
        Deferred(request, Reason.NOT_HERE) if answer is None else Answered(request, answer, cached=True)
        for request, answer in answers
    ]


def _at_hand(request: LookupRequest | Rejected, ports: Ports) -> LookupRequest | Outcome:
    """The outcome, or the request that the store has to be asked for."""
    return request if isinstance(request, Rejected) else recalled(request, ports) or request
