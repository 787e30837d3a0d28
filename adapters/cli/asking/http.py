"""Asks the HTTP function: one person as a structured CloudEvent, or many as one batch."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from uuid import uuid4

import urllib3
from pydantic import ValidationError
from urllib3 import exceptions

from adapters.cli.asking.answered import refusal, stranger, unreached
from adapters.cli.asking.places import Address
from adapters.cli.asking.trouble import MIXED_UP, Refused, mixed_up
from function.event import BATCH_TYPE, JSON_TYPE, REQUESTED, STRUCTURED_TYPE
from function.request import LookupResult

SOURCE = "/inn/cli"
CONNECT_SEC = 10.0
MAX_REPLY = 8 << 20
"""Bytes of a reply: far more than a batch's."""
MAX_BATCH = 32


class HttpClient:
    """The function at one address, for any number of threads. `timeout`: seconds of silence that end a request."""

    def __init__(self, address: Address, timeout: float, connections: int = 1) -> None:
        self._address = address
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
            raise stranger(self._address)
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
            raise unreached(self._address, exc) from None
        if response.status not in (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise refusal(self._address, response.status, response.headers, body)
        return self._decoded(body)

    def _decoded(self, body: bytes) -> object:
        try:
            return json.loads(body)
        except ValueError:
            raise stranger(self._address) from None

    def _result(self, event: object, request: Mapping[str, object]) -> LookupResult:
        try:
            result = LookupResult.model_validate(event["data"] if isinstance(event, dict) else None)
        except (KeyError, ValidationError):
            raise stranger(self._address) from None
        if mixed_up(request["requestId"], result):
            raise Refused(MIXED_UP)
        return result


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
