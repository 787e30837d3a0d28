"""The HTTP function as an application of functions-framework, to which routes can be added."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from functions_framework.aio import create_asgi_app_from_module
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request

from adapters.http.endpoint import Endpoint


def functions_framework_app(endpoint: Endpoint) -> Starlette:
    """The endpoint as an application of functions-framework's asynchronous host."""

    # A Reply is an ASGI application, as Starlette's responses are. The host's own errors come as a second argument.
    async def inn(request: Request, _error: Exception | None = None) -> Any:
        return await endpoint(request.scope, request.receive)

    module = ModuleType("inn_function")
    setattr(module, inn.__name__, inn)
    # This function of functions-framework is untyped.
    create: Callable[..., Starlette] = create_asgi_app_from_module
    app = create(inn.__name__, __file__, "http", module, None)
    # The host would answer its own errors in plain text.
    app.add_exception_handler(HTTPException, inn)
    return app
