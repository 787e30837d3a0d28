"""functions-framework's default host with the least function."""

import flask
import functions_framework


@functions_framework.http
def hello(_request: flask.Request) -> str:
    """Greet."""
    return "Hello world!"
