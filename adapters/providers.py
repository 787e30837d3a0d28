"""Whom to ask, and when: the providers in order, each at its pace, left alone while it is shut.

What shuts a provider is shared by all replicas through the `ProviderBook`.

- The next provider is asked where one is cooling down, being probed, out of its daily limit, or has
  just turned this very request away. One that is merely paced, or fails, is not passed over: the paid
  provider stands in for a closed tax service, not for a slow one.
- After a cool-down one request probes the provider. A good reply opens it; whatever else comes of the
  probe, a plain failure too, closes it again for longer.
- A provider that turns a request away while its cool-downs are switched off has simply failed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from function.contract import LookupRequest
from function.observing import Observer
from function.outcomes import Reason
from function.pacing import Pace, ProviderBook, Reply, Shut, Throttled, Upstream, Why
from function.ports import Invalid, Unavailable, Verdict


@dataclass(frozen=True, slots=True)
class State:
    """One provider as it stands; `shut` None: it may be asked."""

    name: str
    shut: Shut | None


@dataclass(frozen=True, slots=True)
class Manners:
    """How a request waits for its turn: `patience` seconds at most; the clock and the sleep are in seconds too."""

    patience: float = 0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A provider that gave nothing: how the request ends if nobody else does, and whether others are to be asked."""

    no: Unavailable
    pass_on: bool


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
            _Desk(upstream, pace, _Page(upstream.name, pace, book, observer), manners) for upstream, pace in order
        ]

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """Ask the first provider that may be asked; none twice."""
        refused: list[Unavailable] = []
        for desk in self._desks:
            if not desk.upstream.serves(request):
                continue
            said = desk.ask(request)
            if not isinstance(said, _Refusal):
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
    failures = [no for no in refused if no.reason is not Reason.PROVIDER_CLOSED]
    if failures or not refused:
        return failures[-1] if failures else Unavailable(Reason.PROVIDER_UNAVAILABLE)
    return Unavailable(Reason.PROVIDER_CLOSED, min(no.retry_after for no in refused))


class _Page:
    """One provider's page of the book, and who is told what is written there."""

    def __init__(self, name: str, pace: Pace, book: ProviderBook, observer: Observer) -> None:
        self.name = name
        self.observer = observer
        self._pace = pace
        self._book = book
        self._told: Why | None = None

    def look(self) -> Shut | None:
        return self._book.look(self.name, self._pace)

    def take(self, patience: float) -> tuple[float, bool] | Shut:
        """A turn, as its wait and whether it is a probe."""
        turn = self._book.take(self.name, self._pace, patience)
        if isinstance(turn, Shut):
            if turn.why in (Why.COOLING, Why.DAILY_LIMIT) and turn.why is not self._told:
                self._tell(turn)
            return turn
        if not turn.probe:
            self._tell_open()
        return turn.wait, turn.probe

    def cool(self, at_least: float = 0) -> float:
        """Close the provider; the seconds, 0 where cool-downs are off."""
        seconds = self._book.cool(self.name, self._pace, at_least)
        if seconds:
            self._tell(Shut(Why.COOLING, seconds))
        return seconds

    def clear(self) -> None:
        self._book.clear(self.name)
        self._tell_open()

    def _tell(self, shut: Shut) -> None:
        self._told = shut.why
        self.observer.provider_closed(self.name, shut.why.value, shut.reopens_in)

    def _tell_open(self) -> None:
        if self._told is not None:
            self.observer.provider_closed(self.name, self._told.value, 0)
            self._told = None


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where requests to one provider are handed in."""

    upstream: Upstream
    pace: Pace
    page: _Page
    manners: Manners

    def ask(self, request: LookupRequest) -> Verdict | Invalid | _Refusal:
        """Ask in turn, and let the book know how it went."""
        return _Visit(self).ask(request)


class _Visit:
    """One request at one provider."""

    def __init__(self, desk: _Desk) -> None:
        self._desk = desk
        self._page = desk.page
        self._probe = False

    def ask(self, request: LookupRequest) -> Verdict | Invalid | _Refusal:
        shut = self._turn(self._desk.manners.patience)
        if shut is not None:
            return _Refusal(Unavailable(Reason.PROVIDER_CLOSED, shut.reopens_in), pass_on=shut.why is not Why.PACED)
        began = self._desk.manners.monotonic()
        said, outcome = self._said(request)
        self._page.observer.provider_called(self._page.name, outcome, self._desk.manners.monotonic() - began)
        return said

    def _said(self, request: LookupRequest) -> tuple[Verdict | Invalid | _Refusal, str]:
        try:
            with self._page.observer.span(f"ask {self._page.name}"):
                reply = self._desk.upstream.ask(request, self._again)
        except Throttled as no:
            return self._turned_away(no), no.reason.value
        except Unavailable as no:
            return self._failed(no), no.reason.value
        except Exception:
            if self._probe:
                self._page.cool()
            raise
        self._note(reply)
        return reply.said, reply.said.status.value if isinstance(reply.said, Verdict) else "rejected"

    def _turned_away(self, no: Throttled) -> _Refusal:
        seconds = self._page.cool(no.retry_after)
        if not seconds:
            return _Refusal(Unavailable(Reason.PROVIDER_UNAVAILABLE), pass_on=True)
        return _Refusal(Unavailable(Reason.PROVIDER_CLOSED, seconds), pass_on=True)

    def _failed(self, no: Unavailable) -> _Refusal:
        if not self._probe:
            return _Refusal(no, pass_on=False)
        # It counts as a failure all the same, lest one request that always fails keeps everything shut.
        return _Refusal(Unavailable(no.reason, self._page.cool(no.retry_after)), pass_on=True)

    def _note(self, reply: Reply) -> None:
        try:
            if reply.cool:
                self._page.cool()
            elif self._probe:
                self._page.clear()
        except Unavailable as no:
            # The answer is worth more than the note: a captcha will come again, a probe's lease ends.
            self._page.observer.trouble("providers", no)

    def _again(self, seconds: float) -> bool:
        """Another turn in the same visit, at the end of the line."""
        patience = self._desk.manners.patience + self._desk.pace.min_interval
        return self._turn(min(seconds, patience)) is None

    def _turn(self, patience: float) -> Shut | None:
        turn = self._page.take(patience)
        if isinstance(turn, Shut):
            return turn
        wait, probe = turn
        self._probe = self._probe or probe
        if wait <= 0:
            return None
        self._desk.manners.sleep(wait)
        # While this one stood in line, another may have been turned away.
        shut = self._page.look()
        return shut if shut is not None and shut.why is Why.COOLING else None
