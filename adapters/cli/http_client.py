"""The client over HTTP: posts each request as plain JSON."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from ssl import SSLCertVerificationError
from typing import Any

import urllib3
from typing_extensions import override
from urllib3 import exceptions

from adapters.cli.destination import Client, RetryLater, ServiceFault, ServiceUnreachable, read_result
from adapters.cli.errors import Failure
from adapters.cli.stdout import printable
from adapters.runtime.startup import in_daemon_thread
from function.event import JSON_TYPE
from function.result import LookupResult

CONNECT_SEC = 10.0
MAX_REPLY = 1 << 20
"""Bytes of a reply: far more than any has."""
CONNECTIONS = 128
"""Requests at the same time; further ones wait."""

_ANSWERS = frozenset({200, 422})
_LATER = frozenset({429, 502, 503, 504})
# The first match is the cause: subclasses come before their bases.
_CAUSES = {
    SSLCertVerificationError: "its TLS certificate is not trusted (SSL_CERT_FILE names a file of further ones)",
    exceptions.ProxyError: "the proxy does not let us through, or is not there",
    exceptions.NameResolutionError: "its name is not known",
    exceptions.NewConnectionError: "the connection was refused: is the service running there?",
    exceptions.ConnectTimeoutError: "no connection in time",
    exceptions.SSLError: "no TLS connection: is it https there?",
    exceptions.ReadTimeoutError: "it did not answer in time",
    exceptions.HTTPError: "the connection broke",
}


class HttpClient(Client):
    """Keeps its connections. `token`: "" for none; `timeout`: seconds without data that end a request."""

    over_http = True

    def __init__(self, url: str, token: str, timeout: float) -> None:
        self._url = url
        self._token = token
        self._name = f"the service at {url}"
        # What cannot be reached is named as that before the time is over.
        limit = urllib3.Timeout(connect=min(CONNECT_SEC, timeout / 2), read=timeout)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, timeout=limit, retries=False)
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def __aexit__(self, *_: object) -> None:
        self._pool.clear()

    @override
    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        async with self._free:
            # In a daemon thread: an interrupted run does not wait for it.
            reply = await asyncio.wrap_future(in_daemon_thread(partial(self._post, request)))
        return read_result(reply, request, f"what answers at {self._url}", "--url")

    @override
    def timed_out(self, seconds: float) -> Failure:
        return ServiceUnreachable(self._name, "it did not answer in time")

    def _post(self, request: Mapping[str, object]) -> bytes:
        """The body of the answer."""
        headers = {"content-type": JSON_TYPE, "accept": f"{JSON_TYPE}, application/problem+json", "user-agent": "inn"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        body = json.dumps(request, ensure_ascii=False).encode()
        post = partial(self._pool.request, "POST", self._url, redirect=False, preload_content=False)
        try:
            with post(body=body, headers=headers) as response:
                reply: bytes = response.read(MAX_REPLY)
        except exceptions.HTTPError as error:
            raise ServiceUnreachable(self._name, cause_of(error)) from None
        if response.status not in _ANSWERS:
            raise self._refusal(response.status, response.headers, reply)
        return reply

    def _refusal(self, status: int, headers: Mapping[str, str], reply: bytes) -> Failure:
        """The error of a reply that is not an answer: temporary or permanent."""
        try:
            problem = json.loads(reply)
        except ValueError:
            problem = None
        member = problem.get if isinstance(problem, dict) else {}.get
        detail, code = (printable(str(member(name, ""))) for name in ("detail", "code"))
        if status in _LATER:
            retry_after = headers.get("retry-after", "")
            wait = float(retry_after) if retry_after.isdecimal() else 0
            return RetryLater(detail or f"the service answers {status} now", code, wait)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            what = "does not accept this token" if self._token else "wants a token"
            return Failure(f"{self._name} {what}: set INN_TOKEN or --token-file to one of its HTTP_TOKENS")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Failure(f"{self._name} sends its callers to another address: give that one as --url")
        kind = ServiceFault if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Failure
        return kind(f"{self._name} answers {status}" + (f": {detail}" if detail else ""))


def cause_of(error: exceptions.HTTPError) -> str:
    """Why a connection failed."""
    # A proxy's error wraps that of the connection to it.
    wrapped: Any = error.original_error if isinstance(error, exceptions.ProxyError) else error
    certificate = wrapped.args[0] if wrapped.args else None
    return next(text for kind, text in _CAUSES.items() if isinstance(error, kind) or isinstance(certificate, kind))
