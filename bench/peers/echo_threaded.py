"""functions-framework's threaded host: a CloudEvent in, its data back as a CloudEvent, by the SDK."""

import flask
import functions_framework
from cloudevents.http import CloudEvent, from_http, to_binary


@functions_framework.http
def echo(request: flask.Request) -> flask.Response:
    """Give the data back."""
    event = from_http(dict(request.headers), request.get_data())
    headers, body = to_binary(CloudEvent({"type": "echo.completed", "source": "/echo"}, event.data))
    return flask.Response(body, headers={**headers, "content-type": "application/json"})
