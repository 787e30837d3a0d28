"""The client over HTTP: one person as plain JSON, or many as batches of CloudEvents."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from ssl import SSLCertVerificationError
from typing import Any, Self

import urllib3
from cloudevents.conversion import to_dict
from cloudevents.http import CloudEvent
from pydantic import ValidationError
from urllib3 import exceptions

from adapters.cli.destination import HttpDestination, RequestRefused, RetryLater, ServiceUnreachable, check_request_id
from adapters.cli.errors import Failure
from adapters.cli.stdout import printable
from adapters.runtime.startup import in_daemon_thread
from function.event import BATCH_TYPE, JSON_TYPE, REQUESTED
from function.result import LookupResult

SOURCE = "/inn/cli"
CONNECT_SEC = 10.0
MAX_REPLY = 8 << 20
"""Bytes of a reply: far more than a batch has."""
MAX_BATCH = 32
POSTS = 4
"""Concurrent requests of `inn batch`."""
SILENCE_SEC = 300.0
"""Longer than any service's time limit of one lookup."""

_ANSWERS = frozenset({200, 422})
_LATER = frozenset({429, 502, 503, 504})
# The first match is the cause: subclasses come before their bases.
_CAUSES = {
    SSLCertVerificationError: "its TLS certificate is not trusted (SSL_CERT_FILE names a file of further ones)",
    exceptions.NameResolutionError: "its name is not known",
    exceptions.NewConnectionError: "the connection was refused: is the service running there?",
    exceptions.ConnectTimeoutError: "no connection in time",
    exceptions.SSLError: "no TLS connection: is it https there?",
    exceptions.ReadTimeoutError: "it did not answer in time",
    exceptions.HTTPError: "the connection broke",
}


class HttpClient:
    """Posts a request for each person. `timeout`: seconds without data that end one."""

    def __init__(self, to: HttpDestination, timeout: float, connections: int = 1) -> None:
        self._to = to
        # What cannot be reached is named as that before the time is over.
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=min(CONNECT_SEC, timeout / 2), read=timeout),
            retries=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pool.clear()

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """See Client."""
        return self._result(await self._post(JSON_TYPE, request), request)

    async def _post(self, media_type: str, content: object) -> Any:
        """The content of the reply, None where it is not JSON."""
        # In a daemon thread: an interrupted run does not wait for it.
        return await asyncio.wrap_future(in_daemon_thread(partial(self._send, media_type, content)))

    def _send(self, media_type: str, content: object) -> Any:
        headers = {"content-type": media_type, "accept": f"{media_type}, application/problem+json", "user-agent": "inn"}
        if self._to.token:
            headers["authorization"] = f"Bearer {self._to.token}"
        body = json.dumps(content, ensure_ascii=False).encode()
        post = partial(self._pool.request, "POST", self._to.url, redirect=False, preload_content=False)
        try:
            with post(body=body, headers=headers) as response:
                reply = response.read(MAX_REPLY)
        except exceptions.HTTPError as error:
            raise ServiceUnreachable(self._to.name, cause_of(error, _CAUSES)) from None
        try:
            content = json.loads(reply)
        except ValueError:
            content = None
        if response.status not in _ANSWERS:
            raise self._refusal(response.status, response.headers, content if isinstance(content, dict) else {})
        return content

    def _result(self, reply: object, request: Mapping[str, object]) -> LookupResult:
        try:
            result = LookupResult.model_validate(reply)
        except ValidationError:
            raise self._not_the_service() from None
        return check_request_id(result, request)

    def _not_the_service(self) -> Failure:
        return RequestRefused(f"what answers at {self._to.url} is not the INN service: check --url")

    def _refusal(self, status: int, headers: Mapping[str, str], problem: Mapping[str, object]) -> Failure:
        """The error of a reply that is not an answer: temporary or permanent."""
        detail = printable(str(problem.get("detail", "")))
        if status in _LATER:
            retry_after = headers.get("retry-after", "")
            return RetryLater(
                detail or f"the service answers {status} now",
                printable(str(problem.get("code", ""))),
                float(retry_after) if retry_after.isdecimal() else 0,
            )
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            what = "does not accept this token" if self._to.token else "wants a token"
            return RequestRefused(f"{self._to.name} {what}: set INN_TOKEN or --token-file to one of its HTTP_TOKENS")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return RequestRefused(f"{self._to.name} sends its callers to another address: give that one as --url")
        return RequestRefused(f"{self._to.name} answers {status}" + (f": {detail}" if detail else ""))


class HttpBatches(HttpClient):
    """Posts waiting requests in batches. `concurrency`: how many requests wait at the same time."""

    def __init__(self, to: HttpDestination, concurrency: int) -> None:
        super().__init__(to, SILENCE_SEC, POSTS)
        self._size = max(1, min(MAX_BATCH, concurrency // POSTS))
        self._waiting: asyncio.Queue[tuple[Mapping[str, object], asyncio.Future[LookupResult]]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._posting = [asyncio.create_task(self._post_batches()) for _ in range(POSTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)
        await super().__aexit__()

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """See Client; it is asked for in a batch with other calls."""
        result: asyncio.Future[LookupResult] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((request, result))
        return await result

    async def _post_batches(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            batch += [self._waiting.get_nowait() for _ in range(min(self._size - 1, self._waiting.qsize()))]
            asking = self._ask_many([request for request, _ in batch])
            [results] = await asyncio.gather(asking, return_exceptions=True)
            for place, (_, waiting) in enumerate(batch):
                if isinstance(results, BaseException) and not waiting.done():
                    waiting.set_exception(results)
                elif not isinstance(results, BaseException) and not waiting.done():
                    waiting.set_result(results[place])

    async def _ask_many(self, requests: Sequence[Mapping[str, object]]) -> list[LookupResult]:
        """The results, in the same order."""
        events = [to_dict(CloudEvent({"type": REQUESTED, "source": SOURCE}, request)) for request in requests]
        replies = await self._post(BATCH_TYPE, events)
        if not isinstance(replies, list) or len(replies) != len(requests):
            raise self._not_the_service()
        data = [reply.get("data") if isinstance(reply, dict) else None for reply in replies]
        return [self._result(reply, request) for reply, request in zip(data, requests, strict=True)]


def cause_of(error: exceptions.HTTPError, causes: Mapping[type[Exception], str]) -> str:
    """The text of the first kind of error in `causes` that this one, or the error that it wraps, is of."""
    wrapped = error.original_error if isinstance(error, exceptions.ProxyError) else error
    certificate = wrapped.args[0] if wrapped.args else None
    return next(text for kind, text in causes.items() if isinstance(error, kind) or isinstance(certificate, kind))
