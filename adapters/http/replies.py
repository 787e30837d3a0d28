"""Replies of this service over HTTP: what a handler returns, and RFC 9457 problems."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

PROBLEM_TYPE = "application/problem+json"
Header = tuple[bytes, bytes]
CLOSE: Header = (b"connection", b"close")


class Reply:
    """A response, an ASGI application as Starlette's are. `headers`: beside the content's type and length."""

    def __init__(self, body: bytes, media: str, status: int = HTTPStatus.OK, headers: Sequence[Header] = ()) -> None:
        self.body = body
        self.status = status
        self.headers = [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it; the server leaves the body out for HEAD."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class Problem(Exception):
    """The request is refused with an RFC 9457 problem, which repeats nothing that the client sent."""

    def __init__(self, status: HTTPStatus, detail: str, *headers: Header) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers

    def reply(self, **more: str) -> Reply:
        """The problem as a reply; `more` are members beside the standard ones."""
        body = {"title": self.status.phrase, "status": self.status.value, "detail": str(self), **more}
        return Reply(json.dumps(body, ensure_ascii=False).encode(), PROBLEM_TYPE, self.status, self.headers)


def check_method(scope: Scope, *methods: str) -> None:
    """Raise Problem for a request with another method."""
    if scope["method"] not in methods:
        allowed = (b"allow", ", ".join(methods).encode())
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {methods[0]}", allowed)
