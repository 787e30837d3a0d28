"""Whom to ask, and when: the providers in order, each at its pace, left alone while it is shut.

What shuts a provider is shared by all replicas through the `ProviderBook`.

- The next provider is asked where one is cooling down, being probed, out of its daily limit, or has
  just turned this very request away. One that is merely paced, or fails, is not passed over: the paid
  provider stands in for a closed tax service, not for a slow one.
- After a cool-down one request probes the provider. A good reply opens it; whatever else comes of the
  probe, a plain failure too, closes it again for longer.
- A provider that turns a request away while its cool-downs are switched off has simply failed.
- Who stands in can help a request, and never harm it: where it fails too, the request ends as it would
  have ended without it, and waits where it would have waited.
"""

from collections.abc import Sequence
from typing import NamedTuple

from adapters.providers.page import Page
from adapters.providers.spared import Spared
from adapters.providers.visit import Desk, Manners, Refusal, Visit
from function.outcomes import Reason
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import Pace, ProviderBook, Shut, Upstream
from function.request import LookupRequest
from function.telemetry import Observer

__all__ = ["Manners", "Providers", "State"]

_DOORS = (Reason.TURNED_AWAY, Reason.PROVIDER_CLOSED)


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
        self._spared = {upstream.name: Spared(manners.monotonic) for upstream, _ in order}

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """Ask the first provider that may be asked; none twice."""
        refused: list[Unavailable] = []
        for desk in self._desks:
            if not desk.upstream.serves(request):
                continue
            said = self._stood_in(desk, request) if refused else Visit(desk).ask(request)
            if not isinstance(said, Refusal):
                return said
            refused.append(said.no)
            if not said.pass_on:
                break
        raise _in_sum(refused)

    def _stood_in(self, desk: Desk, request: LookupRequest) -> Verdict | Invalid | Refusal:
        """Ask in place of one that is shut. Whatever it is that it fails by, it is then shut for this person."""
        spared = self._spared[desk.upstream.name]
        if seconds := spared.seconds(request.person):
            return Refusal(Unavailable(Reason.PROVIDER_CLOSED, seconds), pass_on=True)
        said = Visit(desk).ask(request)
        if not isinstance(said, Refusal) or said.no.reason is Reason.PROVIDER_CLOSED:
            return said
        seconds = spared.in_vain(request.person, said.no.retry_after)
        return Refusal(Unavailable(Reason.PROVIDER_CLOSED, seconds), said.pass_on)

    def states(self) -> list[State]:
        """Every provider, in order. Raises Unavailable while the store cannot be reached."""
        return [State(desk.upstream.name, desk.page.look()) for desk in self._desks]


def _in_sum(refused: list[Unavailable]) -> Unavailable:
    """How a request ends that nobody answered: as the first said. Of closed doors the first one to open counts."""
    if not refused:
        return Unavailable(Reason.PROVIDER_UNAVAILABLE)
    first = refused[0]
    return Unavailable(first.reason, min(no.retry_after for no in refused)) if first.reason in _DOORS else first
