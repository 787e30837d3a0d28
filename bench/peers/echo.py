"""functions-framework's asynchronous host: a CloudEvent in, its data back as a CloudEvent, by the SDK."""

import functions_framework.aio
from cloudevents.http import CloudEvent, from_http, to_binary
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http
async def echo(request: Request) -> Response:
    """Give the data back."""
    event = from_http(dict(request.headers), await request.body())
    headers, body = to_binary(CloudEvent({"type": "echo.completed", "source": "/echo"}, event.data))
    return Response(body, headers={**headers, "content-type": "application/json"})
