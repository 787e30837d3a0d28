"""How long a delivery stays in hand while it has to wait, and how its lane sleeps meanwhile."""

import asyncio
import random
from contextlib import suppress
from time import monotonic

from function.outcomes import Deferred, Outcome

HOLD_SEC = 300.0
"""After that a waiting delivery goes back to the tail of its queue; RabbitMQ would take it away after 30 minutes."""
FIRST_NAP_SEC = 0.1
LONGEST_NAP_SEC = 2.0
LONGEST_CLOSED_SEC = 30.0
"""A closed provider is looked at so often at least: it may open early, or another one be switched on."""
QUIET_SEC = 5.0
"""After so long without a success, a success wakes those who sleep: what was shut is open again."""
APART_SEC = 0.01
"""Between two that wake together: their tries, all at once, would hold up the cached answers beside them."""


class Bell:
    """Wakes all sleepers of a lane, one soon after the other."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._success = monotonic()
        self._last_up = 0.0

    async def sleep(self, seconds: float) -> None:
        """Sleep for so long, or until it rings, and until it is one's turn to get up."""
        rung = self._rung
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await rung.wait()
        now = monotonic()
        self._last_up = max(now, self._last_up + APART_SEC)
        await asyncio.sleep(self._last_up - now)

    def close(self) -> None:
        """Wake all, and let nobody sleep any more: the lane is to stop."""
        self._rung.set()

    def ring(self) -> None:
        """Wake all."""
        if not self._rung.is_set():
            self._rung.set()
            self._rung = asyncio.Event()

    def succeeded(self) -> None:
        """A delivery got through; the first one after a quiet time wakes the others."""
        now = monotonic()
        if now - self._success > QUIET_SEC:
            self.ring()
        self._success = now


class Patience:
    """One delivery's waiting, from when it `arrived` (monotonic): before its turn came it was in hand as well."""

    def __init__(self, arrived: float) -> None:
        self._until = arrived + HOLD_SEC
        self._nap = FIRST_NAP_SEC

    @property
    def ended(self) -> bool:
        """Whether it has been in hand for too long."""
        return monotonic() > self._until

    def nap(self, outcome: Outcome) -> float:
        """How long to sleep before the next try, in seconds."""
        asked = outcome.retry_after if isinstance(outcome, Deferred) else 0
        pause = min(asked, LONGEST_CLOSED_SEC) or self._nap
        self._nap = min(self._nap * 2, LONGEST_NAP_SEC)
        # Not in step with other replicas.
        return pause * random.uniform(1, 1.25)  # noqa: S311  # jitter is no secret
