"""The source file for functions-framework: `functions-framework --source adapters/entry.py --target inn`.

Settings are read when the file is loaded, so that a wrong one ends the start. Clients are built
at the first request, after any fork, once a process; an address that the driver can't use ends the host
then. functions-framework listens. After SIGTERM requests and fetches have 30 seconds, gunicorn's
`graceful_timeout`.
"""

import asyncio
import atexit
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from typing import Any, NoReturn

from functions_framework import aio
from starlette.requests import Request

from adapters import telemetry
from adapters.composition.http_function import function
from adapters.config.environment import WrongSettings
from adapters.config.settings import load_core
from adapters.http.endpoint import Endpoint
from adapters.mongodb import WrongAddress
from adapters.runtime.wait_for_servers import Connect, NotStarted, wait_for_servers
from adapters.telemetry import Telemetry

WRONG_SETTINGS = 2  # the exit status, as of `inn serve`
NOT_STARTED = 3  # the exit status after which gunicorn ends, too; after any other one it restarts the process, for ever
RESTART_SEC = 5.0  # pause after a refused login; the host would not restart the process

try:
    _CORE = load_core()
except WrongSettings as wrong:
    sys.stderr.write(f"inn: {wrong}\n")
    raise SystemExit(WRONG_SETTINGS) from None
_STARTING: set[asyncio.Task[None]] = set()


@aio.http
async def inn(request: Request) -> Any:  # a Reply: the framework's type names only Starlette's response
    """Answer one HTTP request."""
    return await _endpoint()(request.scope, request.receive)


@cache
def _endpoint() -> Endpoint:
    """Build this process's function, and begin to connect it in the background."""
    stack = ExitStack()
    observer = stack.enter_context(telemetry.start(_CORE.app.name, _CORE.log.level))
    try:
        endpoint, servers = stack.enter_context(function(_CORE, observer))
    except WrongAddress as wrong:
        # Only the driver can check it, and must not be created before the fork.
        stack.close()
        _give_up(str(wrong))
    atexit.register(stack.close)
    if not _CORE.http.bearer_tokens:
        # Only functions-framework knows the address; by default it is not a loopback one.
        observer.event("open_to_everybody", variable="HTTP_TOKENS")
    task = asyncio.create_task(_connect(servers, observer))
    _STARTING.add(task)
    task.add_done_callback(_STARTING.discard)
    return endpoint


def _give_up(why: str) -> NoReturn:
    """End the host with a line. An exception would only end the request."""
    sys.stderr.write(f"inn: {why}\n")
    sys.stderr.flush()
    os._exit(NOT_STARTED)


async def _connect(servers: Mapping[str, Connect], observer: Telemetry) -> None:
    """Retry until every server is reached: a refused login may be corrected at the server."""
    while True:
        try:
            return await wait_for_servers(servers, 0, observer)
        except NotStarted as error:
            observer.error("start", error)
        except WrongAddress as wrong:
            _give_up(str(wrong))
        await asyncio.sleep(RESTART_SEC)
