"""Switches the local runtime's providers, and records which one gave the latest answers, for the page."""

from collections import deque
from typing import NamedTuple, assert_never

from typing_extensions import override

from adapters.providers import FailoverProvider, ProviderStatus
from function.outcomes import Status
from function.ports import InnProvider, Invalid, Pending, Ticket, Verdict
from function.request import LookupRequest

MAX_ANSWERS = 32
NALOG = "nalog"  # the only provider that rejects a person's fields


class LatestAnswer(NamedTuple):
    """A provider's answer to one request, as far as the page needs it."""

    request_id: str
    status: Status
    provider: str


class SwitchableProvider(InnProvider):
    """The tax service alone, or with the paid provider as its fallback, as `paid` is switched.

    It records which provider answered the latest requests.
    """

    def __init__(self, alone: FailoverProvider, with_paid: FailoverProvider, *, paid: bool) -> None:
        self.paid = paid
        self._alone = alone
        self._with_paid = with_paid
        self._latest: deque[LatestAnswer] = deque(maxlen=MAX_ANSWERS)

    @override
    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        answer = self._providers.ask(request, ticket)
        match answer:
            case Verdict(status, _, provider):
                self._latest.append(LatestAnswer(request.request_id, status, provider))
            case Invalid():
                self._latest.append(LatestAnswer(request.request_id, Status.REJECTED, NALOG))
            case Pending():
                pass
            case _:
                assert_never(answer)
        return answer

    def states(self) -> list[ProviderStatus]:
        """The providers' states, in the order of asking. Raises Unavailable while the store cannot be reached."""
        return self._providers.states()

    def latest(self) -> list[LatestAnswer]:
        """The latest answers, newest first."""
        return list(reversed(self._latest.copy()))

    @property
    def _providers(self) -> FailoverProvider:
        return self._with_paid if self.paid else self._alone
