"""The client over HTTP."""

import asyncio
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from ssl import SSLCertVerificationError

import urllib3
from pydantic_core import from_json
from typing_extensions import override
from urllib3 import exceptions

from adapters.cli.client import Client, RetryLater, ServiceFault, ServiceUnreachable
from adapters.cli.errors import Failure, printable
from adapters.runtime.daemon_thread import in_daemon_thread
from function.event import JSON_TYPE

CONNECT_SEC = 10.0
MAX_REPLY = 1 << 20  # bytes of a reply: far more than any has
CONNECTIONS = 128  # requests at the same time; further ones wait

_ANSWERS = frozenset({200, 422})
_LATER = frozenset({429, 502, 503, 504})
# The first match is the cause: subclasses come before their bases.
_CAUSES = {
    SSLCertVerificationError: "its TLS certificate is not trusted",
    exceptions.NameResolutionError: "its name is not known",
    exceptions.NewConnectionError: "the connection was refused: is the service running there?",
    exceptions.ConnectTimeoutError: "no connection in time",
    exceptions.SSLError: "no TLS connection: is it https there?",
    exceptions.ReadTimeoutError: "it did not answer in time",
    exceptions.ProxyError: "the proxy does not let us through, or is not there",
    exceptions.HTTPError: "the connection broke",
}


class HttpClient(Client):
    """Posts requests on connections that it keeps. `token`: "" for none; `timeout`: seconds without data that end one."""

    over_http = True

    def __init__(self, url: str, token: str, timeout: float) -> None:
        self._url = url
        self.name = f"the service at {url}"
        headers = {"content-type": JSON_TYPE, "accept": f"{JSON_TYPE}, application/problem+json", "user-agent": "inn"}
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        # What cannot be reached is named as that before the time is over.
        limit = urllib3.Timeout(connect=min(CONNECT_SEC, timeout / 2), read=timeout)
        self._pool = urllib3.PoolManager(headers=headers, maxsize=CONNECTIONS, timeout=limit, retries=False)
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def __aexit__(self, *_: object) -> None:
        self._pool.clear()

    @override
    async def send(self, body: bytes) -> bytes:
        async with self._free:
            # In a daemon thread: an interrupted run does not wait for it.
            return await asyncio.wrap_future(in_daemon_thread(partial(self._post, body)))

    def _post(self, body: bytes) -> bytes:
        try:
            with self._pool.request("POST", self._url, body=body, redirect=False, preload_content=False) as response:
                reply: bytes = response.read(MAX_REPLY)
        except exceptions.HTTPError as error:
            raise ServiceUnreachable(self.name, cause_of(error)) from None
        if response.status not in _ANSWERS:
            raise self._refusal(response.status, response.headers, reply)
        return reply

    def _refusal(self, status: int, headers: Mapping[str, str], reply: bytes) -> Failure:
        """The error of a reply that is not an answer: temporary or permanent."""
        try:
            problem = dict(from_json(reply))
        except (TypeError, ValueError):
            problem = {}
        detail, code = (printable(str(problem.get(name, ""))) for name in ("detail", "code"))
        if status in _LATER:
            retry_after = headers.get("retry-after", "")
            wait = float(retry_after) if retry_after.isdecimal() else 0
            return RetryLater(detail or f"the service answers {status} now", code, wait)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            what = "does not accept this token" if "authorization" in self._pool.headers else "wants a token"
            return Failure(f"{self.name} {what}: set INN_TOKEN or --token-file to one of its HTTP_TOKENS")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Failure(f"{self.name} sends its callers to another address: give that one as --url")
        kind = ServiceFault if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Failure
        return kind(f"{self.name} answers {status}" + (f": {detail}" if detail else ""))


def cause_of(error: exceptions.HTTPError) -> str:
    """The first of the causes that this error, or the error that it wraps, is of."""
    wrapped: BaseException = error.original_error if isinstance(error, exceptions.ProxyError) else error
    certificate = wrapped.args[0] if wrapped.args else None
    return next(text for kind, text in _CAUSES.items() if isinstance(error, kind) or isinstance(certificate, kind))
