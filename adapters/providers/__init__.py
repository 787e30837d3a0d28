"""Whom to ask, and when: the providers in order, each at its pace, left alone while it is shut.

What shuts a provider is shared by all replicas through the `ProviderBook`.

- The next provider is asked where one is cooling down, being probed, out of its daily limit, or has
  just turned this very request away. One that is merely paced, or fails, is not passed over: the paid
  provider stands in for a closed tax service, not for a slow one.
- After a cool-down one request probes the provider. A good reply opens it; whatever else comes of the
  probe, a plain failure too, closes it again for longer.
- A provider that turns a request away while its cool-downs are switched off has simply failed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from adapters.providers.page import Page
from adapters.providers.visit import Desk, Manners, Refusal, Visit
from function.contract import LookupRequest
from function.observing import Observer
from function.outcomes import Reason
from function.pacing import Pace, ProviderBook, Shut, Upstream
from function.ports import Invalid, Unavailable, Verdict

__all__ = ["Manners", "Providers", "State"]


class State(NamedTuple):
    """One provider as it stands; `shut` None: it may be asked."""

    name: str
    shut: Shut | None


class Providers:
    """The InnProvider of a deployment: several upstreams as one, in the order in which they are asked."""

    def __init__(
        self,
        order: Sequence[tuple[Upstream, Pace]],
        book: ProviderBook,
        observer: Observer,
        manners: Manners | None = None,
    ) -> None:
        manners = manners or Manners()
        self._desks = [
            Desk(upstream, pace, Page(upstream.name, pace, book, observer), manners) for upstream, pace in order
        ]

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """Ask the first provider that may be asked; none twice."""
        refused: list[Unavailable] = []
        for desk in self._desks:
            if not desk.upstream.serves(request):
                continue
            said = Visit(desk).ask(request)
            if not isinstance(said, Refusal):
                return said
            refused.append(said.no)
            if not said.pass_on:
                break
        raise _in_sum(refused)

    def states(self) -> list[State]:
        """Every provider, in order. Raises Unavailable while the store cannot be reached."""
        return [State(desk.upstream.name, desk.page.look()) for desk in self._desks]


def _in_sum(refused: list[Unavailable]) -> Unavailable:
    """How a request ends that nobody answered: a failure outweighs a closed door, and the first door to open counts."""
    doors = (Reason.TURNED_AWAY, Reason.PROVIDER_CLOSED)
    failures = [no for no in refused if no.reason not in doors]
    if failures or not refused:
        return failures[-1] if failures else Unavailable(Reason.PROVIDER_UNAVAILABLE)
    # To have been turned away oneself says more than that a door was shut already.
    reason = next(door for door in doors if door in {no.reason for no in refused})
    return Unavailable(reason, min(no.retry_after for no in refused))
