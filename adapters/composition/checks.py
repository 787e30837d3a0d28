"""What /readyz looks at."""

import asyncio
from collections.abc import Callable, Sequence

from adapters.http.probes import Check, Part
from adapters.providers import State
from function.ports import Unavailable


def store_check(ping: Callable[[], object]) -> Check:
    """The store is ready while its ping returns."""

    async def look() -> Part:
        try:
            await asyncio.to_thread(ping)
        except Unavailable as no:
            return Part(ready=False, detail=no.reason.value)
        return Part(ready=True)

    return look


def provider_check(states: Callable[[], Sequence[State]]) -> Check:
    """Which providers are shut, and for how long. That is told, but a process that can answer from its cache is ready."""

    async def look() -> Part:
        try:
            found = await asyncio.to_thread(states)
        except Unavailable as no:
            return Part(ready=True, detail=f"unknown: {no.reason.value}")
        return Part(ready=True, detail=", ".join(map(_told, found)))

    return look


def _told(state: State) -> str:
    if state.shut is None:
        return f"{state.name}: open"
    return f"{state.name}: {state.shut.why.value}, opens in {state.shut.reopens_in:.0f} s"
