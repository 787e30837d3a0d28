"""`inn serve`: the CloudEvents HTTP function as a production process."""

import asyncio
from contextlib import suppress

from adapters import telemetry
from adapters.composition.http_function import Function, function
from adapters.config.settings import load_core
from adapters.http.server import Server, listen, run
from adapters.runtime.process_lifetime import exit_if_threads_remain, wait_for_servers

GRACE_SEC = 5.0
"""Added to a lookup's deadline: the time limit of requests in progress after SIGTERM."""


def serve() -> None:
    """Serve the HTTP function with production settings (the environment, or .env).

    Example: HTTP_HOST=0.0.0.0 inn serve
    """
    core = load_core()
    with (
        listen(core.http.host, core.http.port) as listener,
        telemetry.start(core.app.name, core.log.level) as observer,
        function(core, observer) as served,
    ):
        if core.http.is_open:
            observer.event("open_to_everybody", variable="HTTP_TOKENS", host=core.http.host)
        server = Server(served.endpoint.serve, listener, core.lookup.deadline_sec + GRACE_SEC)
        run(_serve(server, served, core.app.start_timeout_sec))
    exit_if_threads_remain()


async def _serve(server: Server, served: Function, limit: float) -> None:
    """Answer requests, probes included, from the beginning; end if MongoDB is not reached in time."""
    serving = asyncio.create_task(server.serve())
    starting = asyncio.create_task(wait_for_servers(served.servers, limit, served.endpoint.observer))
    await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and starting.exception() is not None:
        server.stop()
    await serving
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
