"""Asks the HTTP function: one person as a structured CloudEvent, or many as one batch."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from ssl import SSLCertVerificationError
from uuid import uuid4

import urllib3
from pydantic import ValidationError
from urllib3 import exceptions

from adapters.cli.asking.places import Address
from adapters.cli.asking.trouble import MIXED_UP, NotNow, Refused, Unreached, mixed_up, plain
from function.cloudevent import BATCH_TYPE, JSON_TYPE, REQUESTED, STRUCTURED_TYPE
from function.contract import LookupResult

SOURCE = "/inn/cli"
CONNECT_SEC = 10.0
MAX_REPLY = 8 << 20
"""Bytes of a reply: far more than a batch's."""
MAX_BATCH = 32
MAX_REQUEST = 16 << 10
"""Bytes of one request in a batch: MAX_BATCH of them stay below the service's limit."""

_LATER = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# The first that fits speaks: the more special stand first.
_WHY = (
    (exceptions.NameResolutionError, "its name is not known"),
    (exceptions.NewConnectionError, "the connection was refused: is the service running there?"),
    (exceptions.ConnectTimeoutError, "no connection in time"),
    (exceptions.SSLError, "no TLS connection: is it https there?"),
    (exceptions.ReadTimeoutError, "it did not answer in time"),
    (exceptions.HTTPError, "the connection broke"),
)


class HttpClient:
    """The function at one address, for any number of threads. `timeout`: seconds of silence that end a request."""

    def __init__(self, address: Address, timeout: float, connections: int = 1) -> None:
        self._address = address
        self._place = f"the service at {address.url}"
        self._http = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=min(CONNECT_SEC, timeout), read=timeout),
            retries=False,
        )

    def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person. Raises Refused, Unreached, NotNow."""
        return self._result(self._post(STRUCTURED_TYPE, event_of(request)), request)

    def ask_many(self, requests: Sequence[Mapping[str, object]]) -> list[LookupResult]:
        """Ask for MAX_BATCH persons at most; the results are in the same order. Raises as `ask` does."""
        said = self._post(BATCH_TYPE, [event_of(request) for request in requests])
        if not isinstance(said, list) or len(said) != len(requests):
            raise self._stranger()
        return [self._result(event, request) for event, request in zip(said, requests, strict=True)]

    def close(self) -> None:
        """Let the connections go."""
        self._http.clear()

    def _post(self, media: str, what: object) -> object:
        headers = {"content-type": media, "accept": f"{media}, application/problem+json", "user-agent": "inn"}
        if self._address.token:
            headers["authorization"] = f"Bearer {self._address.token}"
        try:
            response = self._http.request(
                "POST",
                self._address.url,
                body=json.dumps(what, ensure_ascii=False).encode(),
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            try:
                body = response.read(MAX_REPLY)
            finally:
                response.close()
        except exceptions.HTTPError as exc:
            raise Unreached(self._place, _why(exc)) from None
        return self._read(response.status, response.headers, body)

    def _read(self, status: int, headers: Mapping[str, str], body: bytes) -> object:
        if status in (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY):
            return self._decoded(body)
        problem = _problem(body)
        detail = plain(str(problem.get("detail", "")))
        if status in _LATER:
            code = plain(str(problem.get("code", "")))
            raise NotNow(detail or f"the service answers {status} now", code, _seconds(headers.get("retry-after", "")))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Refused(self._unknown())
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise Refused(f"{self._place} sends its callers to another address: give that one as --url")
        raise Refused(f"{self._place} answers {status}" + (f": {detail}" if detail else ""))

    def _unknown(self) -> str:
        if self._address.token:
            return f"{self._place} does not accept this token: set INN_TOKEN or --token-file to one of its HTTP_TOKENS"
        return f"{self._place} wants a token: set INN_TOKEN or --token-file to one of its HTTP_TOKENS"

    def _decoded(self, body: bytes) -> object:
        try:
            return json.loads(body)
        except ValueError:
            raise self._stranger() from None

    def _result(self, event: object, request: Mapping[str, object]) -> LookupResult:
        try:
            result = LookupResult.model_validate(event["data"] if isinstance(event, dict) else None)
        except (KeyError, ValidationError):
            raise self._stranger() from None
        if mixed_up(request["requestId"], result):
            raise Refused(MIXED_UP)
        return result

    def _stranger(self) -> Refused:
        return Refused(f"what answers at {self._address.url} is not the INN service: check --url")


def event_of(request: Mapping[str, object]) -> dict[str, object]:
    """The CloudEvent that asks."""
    return {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": SOURCE,
        "type": REQUESTED,
        "datacontenttype": JSON_TYPE,
        "data": request,
    }


def _why(exc: exceptions.HTTPError) -> str:
    if exc.args and isinstance(exc.args[0], SSLCertVerificationError):
        return "its TLS certificate is not trusted (SSL_CERT_FILE names a file of further ones)"
    return next(words for kind, words in _WHY if isinstance(exc, kind))


def _problem(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 0
