"""The endpoint's reply as Starlette's response, which functions-framework expects of a function."""

from starlette.requests import Request
from starlette.responses import Response

from adapters.http.endpoint import Endpoint


async def respond(endpoint: Endpoint, request: Request) -> Response:
    """The response to one request, errors included."""
    reply = await endpoint(request.scope, request.receive)
    headers = {name.decode(): value.decode() for name, value in reply.all_headers()}
    return Response(reply.body, reply.status, headers)
