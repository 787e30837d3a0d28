"""The function with nothing installed, by the framework's own command.

`functions-framework --source local_runtime/entry.py --target inn` serves it over the embedded store and the emulated
tax service, as `inn local` does, without the page. They start with the first request, after any fork.
"""

import atexit
from contextlib import ExitStack
from functools import cache
from typing import Any

from functions_framework import aio
from starlette.requests import Request

from adapters import telemetry
from adapters.http.endpoint import Endpoint
from local_runtime.command import DATA, LocalSettings, local_function

_SETTINGS = LocalSettings.read()


@aio.http
async def inn(request: Request) -> Any:  # a Reply: the framework's type names only Starlette's response
    """Answer one HTTP request."""
    return await _endpoint()(request.scope, request.receive)


@cache
def _endpoint() -> Endpoint:
    """This process's function."""
    stack = ExitStack()
    atexit.register(stack.close)
    observer = stack.enter_context(telemetry.start("inn-local", _SETTINGS.log.level))
    return stack.enter_context(local_function(_SETTINGS, DATA, observer)).endpoint
