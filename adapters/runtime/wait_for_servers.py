"""A process's start: waits until each of its servers is reached, and says why one is not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from adapters.runtime.backoff import Backoff
from function.telemetry import Observer

FIRST_BACKOFF_SEC = 0.2
LONGEST_BACKOFF_SEC = 5.0

Connect = Callable[[], Awaitable[str]]
"""Tries once: returns "" when connected, else why not. Raises Refused where a retry would not help."""


class Refused(Exception):
    """The server refuses: a wrong password, a missing right. The text says what to correct."""


class NotStarted(Exception):
    """A server was not reached in time, or refused. The text says why, a line a server."""


async def wait_for_servers(servers: Mapping[str, Connect], limit: float, observer: Observer) -> None:
    """Return when every server is reached; `limit` in seconds, 0: none. Raises NotStarted.

    A server that is not reached at once is logged, and again when it is reached.
    """
    missing = dict.fromkeys(servers, "it has not answered")
    try:
        async with asyncio.timeout(limit or None), asyncio.TaskGroup() as tries:
            for name, connect in servers.items():
                tries.create_task(_reach(name, connect, missing, observer))
    except TimeoutError:
        raise NotStarted("\n".join(f"{name}: {why}" for name, why in missing.items())) from None
    except ExceptionGroup as errors:
        # The first refusal ends all; other errors no longer matter.
        raise errors.exceptions[0] from None


async def _reach(name: str, connect: Connect, missing: dict[str, str], observer: Observer) -> None:
    backoff = Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)
    waited = False
    try:
        while why := await connect():
            missing[name] = why
            if not waited:
                observer.event("server_unreachable", server=name.lower())
            waited = True
            await asyncio.sleep(backoff.next())
    except Refused as error:
        raise NotStarted(f"{name}: {error}") from None
    if waited:
        observer.event("server_reached", server=name.lower())
    del missing[name]
