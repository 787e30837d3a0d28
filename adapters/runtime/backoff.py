"""Exponential back-off with jitter."""

import asyncio
from contextlib import suppress
from random import SystemRandom

_RANDOM = SystemRandom()


class Backoff:
    """Delays in seconds: `first`, then twice as long each time, at most `longest`, each shortened by up to a half.

    The jitter keeps replicas that lost a server together from coming back to it in step.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._delay = first

    def next(self) -> float:
        """The next delay."""
        delay = self._delay * _RANDOM.uniform(0.5, 1)
        self._delay = min(self._delay * 2, self._longest)
        return delay

    def reset(self) -> None:
        """Begin with the first delay again."""
        self._delay = self._first


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Sleep, but no longer than until `stopping` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
