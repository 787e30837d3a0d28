"""The HTTP function on functions-framework's asynchronous host, for those who serve more beside it.

A module of its own: the framework brings Flask along, and `inn serve` starts without either.
"""

from collections.abc import Callable
from types import ModuleType

from functions_framework.aio import create_asgi_app_from_module
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.http.endpoint import Endpoint


def functions_framework_app(endpoint: Endpoint) -> Starlette:
    """The endpoint as an application of functions-framework's asynchronous host."""

    async def inn(request: Request) -> Response:
        return await endpoint(request)

    module = ModuleType("inn_function")
    setattr(module, inn.__name__, inn)
    # Untyped, as all of functions-framework is.
    create: Callable[..., Starlette] = create_asgi_app_from_module
    app = create(inn.__name__, __file__, "http", module, None)

    async def refused(request: Request, _refusal: Exception) -> Response:
        return await endpoint(request)

    # What the host would turn away by itself, in plain text, is answered as all else is.
    app.add_exception_handler(HTTPException, refused)
    return app
