"""Whom the local runtime asks, and who gave its latest answers: a reply does not tell, and the page would not guess."""

from collections import deque
from dataclasses import dataclass
from typing import assert_never

from adapters.providers import Providers, State
from function.outcomes import Status
from function.ports import Invalid, Verdict
from function.request import LookupRequest

KEPT = 32
NALOG = "nalog"
"""Only the tax service itself calls a person's fields wrong."""


@dataclass(frozen=True, slots=True)
class Said:
    """A provider's answer to one request: no more of it than the page needs."""

    request_id: str
    status: Status
    provider: str


class Watched:
    """An InnProvider of two: the tax service alone, or with the paid provider behind it, as `paid` is switched.

    It remembers who answered the latest requests.
    """

    def __init__(self, alone: Providers, with_paid: Providers, *, paid: bool) -> None:
        self.paid = paid
        self._alone = alone
        self._with_paid = with_paid
        self._latest: deque[Said] = deque(maxlen=KEPT)

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """See InnProvider."""
        said = self._providers.ask(request)
        match said:
            case Verdict(status, _, provider):
                self._latest.append(Said(request.request_id, status, provider))
            case Invalid():
                self._latest.append(Said(request.request_id, Status.REJECTED, NALOG))
            case _:
                assert_never(said)
        return said

    def states(self) -> list[State]:
        """Those that are asked, in order. Raises Unavailable while the store cannot be reached."""
        return self._providers.states()

    def latest(self) -> list[Said]:
        """The latest answers, newest first."""
        return list(reversed(self._latest.copy()))

    @property
    def _providers(self) -> Providers:
        return self._with_paid if self.paid else self._alone
