"""The function with nothing installed, by the framework's own command.

`functions-framework --source local_runtime/entry.py --target inn` serves it over the embedded store and the emulated
tax service, as `inn local` does, without the page. They start with the first request, after any fork.
"""

import atexit
from contextlib import ExitStack
from functools import cache

from functions_framework import aio
from starlette.requests import Request
from starlette.responses import Response

from adapters import telemetry
from adapters.http.endpoint import Endpoint
from adapters.http.starlette_response import respond
from local_runtime.command import DATA, LocalSettings, local_function

_SETTINGS = LocalSettings.read()


@aio.http
async def inn(request: Request) -> Response:
    """Answer one HTTP request."""
    return await respond(_endpoint(), request)


@cache
def _endpoint() -> Endpoint:
    """This process's function."""
    stack = ExitStack()
    atexit.register(stack.close)
    observer = stack.enter_context(telemetry.start("inn-local", _SETTINGS.log.level))
    return stack.enter_context(local_function(_SETTINGS, DATA, observer)).endpoint
