"""functions-framework's asynchronous host with the least function."""

import functions_framework.aio
from starlette.requests import Request


@functions_framework.aio.http
async def hello(_request: Request) -> str:
    """Greet."""
    return "Hello world!"
