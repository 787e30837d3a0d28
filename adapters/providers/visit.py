"""One request at one provider: its turn, its call, and what the book is told afterwards."""

import time
from collections.abc import Callable
from typing import NamedTuple

from adapters.providers.page import Page
from function.outcomes import Reason
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import Pace, Reply, Shut, Throttled, Upstream, Why
from function.request import LookupRequest

PROBE_SEC = 2.0
"""A probe is soon over, whatever its lease: who finds one under way is told to come back after so long."""


class Manners(NamedTuple):
    """How a request waits for its turn: `patience` seconds at most; the clock and the sleep are in seconds too."""

    patience: float = 0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


class Refusal(NamedTuple):
    """A provider that gave nothing: how the request ends if nobody else does, and whether others are to be asked."""

    no: Unavailable
    pass_on: bool


class Desk(NamedTuple):
    """Where requests to one provider are handed in."""

    upstream: Upstream
    pace: Pace
    page: Page
    manners: Manners


class Visit:
    """One request at one provider."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._page = desk.page
        self._probe = False

    def ask(self, request: LookupRequest) -> Verdict | Invalid | Refusal:
        """Ask in turn, and let the book know how it went."""
        shut = self._turn(self._patience())
        if shut is not None:
            return Refusal(_closed(shut), pass_on=shut.why is not Why.PACED)
        began = self._desk.manners.monotonic()
        said, outcome = self._said(request)
        self._page.observer.provider_called(self._page.name, outcome, self._desk.manners.monotonic() - began)
        return said

    def _said(self, request: LookupRequest) -> tuple[Verdict | Invalid | Refusal, str]:
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

    def _turned_away(self, no: Throttled) -> Refusal:
        seconds = self._page.cool(no.retry_after)
        if not seconds:
            return Refusal(Unavailable(Reason.PROVIDER_UNAVAILABLE), pass_on=True)
        return Refusal(Unavailable(Reason.TURNED_AWAY, seconds), pass_on=True)

    def _failed(self, no: Unavailable) -> Refusal:
        if not self._probe:
            return Refusal(no, pass_on=False)
        # It counts as a failure all the same, lest one request that always fails keeps everything shut.
        return Refusal(Unavailable(no.reason, self._page.cool(no.retry_after)), pass_on=True)

    def _note(self, reply: Reply) -> None:
        try:
            if reply.cool:
                self._page.cool()
            elif self._probe:
                self._page.clear()
        except Unavailable as no:
            # The answer is worth more than the note: a captcha will come again, a probe's lease ends.
            self._page.observer.trouble("providers", no)

    def _again(self, seconds: float, *, sent: bool = True) -> bool:
        """Another turn in the same visit, at the end of the line; or the same one, where it was not used."""
        if not sent:
            return self._closed_meanwhile() is None
        patience = self._patience() + self._desk.pace.min_interval
        return self._turn(min(seconds, patience)) is None

    def _patience(self) -> float:
        """Nobody stands in line longer than a cool-down lasts: whoever has a turn from before it wakes while it lasts."""
        patience, cooldown = self._desk.manners.patience, self._desk.pace.cooldown
        return min(patience, cooldown) if cooldown else patience

    def _turn(self, patience: float) -> Shut | None:
        turn = self._page.take(patience)
        if isinstance(turn, Shut):
            return turn
        wait, self._probe = turn
        if wait <= 0:
            return None
        self._desk.manners.sleep(wait)
        return self._closed_meanwhile()

    def _closed_meanwhile(self) -> Shut | None:
        """While this one stood in line, another may have been turned away, or even be the probe already."""
        shut = self._page.look()
        closings = {Why.COOLING} if self._probe else {Why.COOLING, Why.PROBING}
        return shut if shut is not None and shut.why in closings else None


def _closed(shut: Shut) -> Unavailable:
    seconds = min(shut.reopens_in, PROBE_SEC) if shut.why is Why.PROBING else shut.reopens_in
    return Unavailable(Reason.PROVIDER_CLOSED, seconds)
