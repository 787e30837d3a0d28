"""A process's start: it tries its servers for a bounded time, and says of each that it could not reach why not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from adapters.runtime.backoff import Backoff
from function.telemetry import Observer

FIRST_BACKOFF_SEC = 0.2
LONGEST_BACKOFF_SEC = 5.0

T = TypeVar("T")
Connect = Callable[[], Awaitable[str]]
"""Tries once: "" when it is done, else why not yet. Raises Refused where trying again would not help."""


class Refused(Exception):
    """The server is there and says no: a wrong password, a missing right. The text says what to mend."""


class NotStarted(Exception):
    """A line for each server that could not be reached, or the one that refused."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {why}" for name, why in lines.items()))
        self.lines = lines


async def wait_for_servers(servers: Mapping[str, Connect], limit: float, observer: Observer) -> None:
    """Return when every server is reached; `limit` in seconds, 0: none. Raises NotStarted.

    The log has a line for a server that the start has to wait for, and one when it is there.
    """
    missing = dict.fromkeys(servers, "it has not answered")
    tries = [asyncio.create_task(_reach(name, connect, missing, observer)) for name, connect in servers.items()]
    try:
        async with asyncio.timeout(limit or None):
            await asyncio.gather(*tries)
    except TimeoutError:
        raise NotStarted(missing) from None
    finally:
        for task in tries:
            task.cancel()
        # A refusal of one ends all; what the others then say no longer matters.
        await asyncio.gather(*tries, return_exceptions=True)


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
    except Refused as no:
        raise NotStarted({name: str(no)}) from None
    if waited:
        observer.event("server_reached", server=name.lower())
    del missing[name]


def in_daemon_thread(work: Callable[[], T]) -> "Future[T]":
    """Do some work in a thread that can't be stopped, and keeps no process from ending."""
    end: Future[T] = Future()
    # From here on nobody can cancel it.
    end.set_running_or_notify_cancel()

    def run() -> None:
        try:
            end.set_result(work())
        except BaseException as exc:  # noqa: BLE001  # whoever waits for the end is told
            end.set_exception(exc)

    Thread(target=run, daemon=True).start()
    return end
