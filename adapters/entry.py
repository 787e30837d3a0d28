"""The file that functions-framework is given: `functions-framework --source adapters/entry.py --target inn`.

Settings are read when the file is loaded, so that a wrong one ends the start. What connects is built
at the first request, after any fork, once a process.
"""

import asyncio
import atexit
from contextlib import ExitStack
from functools import cache

from functions_framework import aio
from starlette.requests import Request
from starlette.responses import Response

from adapters import telemetry
from adapters.settings import load_core
from adapters.starting import started
from adapters.wiring.function import Function, function

_CORE = load_core()
_STARTING: set[asyncio.Task[None]] = set()


@aio.http
async def inn(request: Request) -> Response:
    """Answer one HTTP request."""
    return await _served().endpoint(request)


@cache
def _served() -> Function:
    """This process's function. Its servers are reached behind the first requests, however long it takes."""
    stack = ExitStack()
    atexit.register(stack.close)
    told = stack.enter_context(telemetry.start(_CORE.app.name, _CORE.log.level))
    served = stack.enter_context(function(_CORE, told))
    task = asyncio.create_task(started(served.servers, limit=0))
    _STARTING.add(task)
    task.add_done_callback(_STARTING.discard)
    return served
