"""The requests of one lookup: one deadline for all of them, and a few tries where a connection breaks."""

import random
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapters.providers.nalog.config import NalogConfig
from adapters.providers.nalog.exchange import Broken, Exchange, Page
from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import Again


class Timing(NamedTuple):
    """The clock, the sleep and the chance (0 to 1) that a lookup goes by, all in seconds."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


class Conversation:
    """One lookup's requests, in one thread. Every method raises Unavailable when time has run out."""

    def __init__(self, exchange: Exchange, config: NalogConfig, timing: Timing, again: Again) -> None:
        self._exchange = exchange
        self._timing = timing
        self._again = again
        self._deadline = timing.monotonic() + config.timeout
        self._tries = config.retries
        self._wait = config.wait

    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - self._timing.monotonic()

    def narrow(self, seconds: float) -> None:
        """End in so many seconds, if not before."""
        self._deadline = min(self._deadline, self._timing.monotonic() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait, unless the time would run out meanwhile."""
        if seconds >= self.left():
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        if seconds > 0:
            self._timing.sleep(seconds)

    def another_turn(self, *, sent: bool = True) -> None:
        """Wait for the right to ask for the person once more; without it the lookup ends.

        A request that was not `sent` needs no other turn, only that nobody was turned away meanwhile.
        """
        if not self._again(self.left(), sent=sent):
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)

    def find(self, path: str, form: Mapping[str, str]) -> Page:
        """Ask for the person. A form that may have arrived before its connection broke needs a turn to be sent anew."""
        return self._tried(lambda: self._exchange.post(path, form, self.left()), counted=True)

    def post(self, path: str, form: Mapping[str, str]) -> Page:
        """Send a form that may be sent twice."""
        return self._tried(lambda: self._exchange.post(path, form, self.left()), counted=False)

    def get(self, path: str) -> Page:
        """Open a page."""
        return self._tried(lambda: self._exchange.get(path, {}, self.left()), counted=False)

    def _tried(self, send: Callable[[], Page], *, counted: bool) -> Page:
        while True:
            try:
                return send()
            except Broken as broken:
                if self._tries <= 0:
                    raise
                self._tries -= 1
                sent = broken.sent
            # Not all at the same moment: a server that comes back is not run down at once.
            self.rest(self._wait * (0.5 + self._timing.chance()))
            if counted:
                self.another_turn(sent=sent)
