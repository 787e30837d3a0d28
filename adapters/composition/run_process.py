"""Runs a process: serves HTTP throughout, connects its servers, works until a signal, and ends despite stuck threads."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from adapters.http.server import Server
from adapters.runtime.wait_for_servers import Connect, wait_for_servers
from function.telemetry import Observer

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run_until_signal(
    server: Server,
    servers: Mapping[str, Connect],
    limit: float,
    observer: Observer,
    work: Callable[[asyncio.Event], Awaitable[object]] = asyncio.Event.wait,
) -> None:
    """Serve HTTP throughout, and `work` once every one of `servers` was reached. Raises NotStarted.

    `limit`: seconds for reaching them, 0: none. `work` ends soon after its argument is set, which a signal does, and so
    does an end of the HTTP server. A second SIGINT does not wait for HTTP requests in progress.
    """
    stopping = asyncio.Event()
    serving = asyncio.create_task(server.serve())
    starting = asyncio.create_task(wait_for_servers(servers, limit, observer))

    def stop(cause: object) -> None:
        server.force_exit |= cause is signal.SIGINT and stopping.is_set()
        stopping.set()
        starting.cancel()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    serving.add_done_callback(stop)
    try:
        with suppress(asyncio.CancelledError):
            await starting
        if not starting.cancelled():
            await work(stopping)
    finally:
        server.stop()
        try:
            await serving
        finally:
            # uvloop would keep them when it closes; from here on another signal ends the process's last waits.
            for number in SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(number)


def exit_if_threads_remain() -> None:
    """End the process now, with status 0, if a fetch's thread is still running. All else must be closed already.

    `LookupRunner.close` has waited for it, within bounds. Python would wait without bounds.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
