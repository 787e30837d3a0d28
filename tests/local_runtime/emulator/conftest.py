"""One emulator for these tests, fresh for each, and a client that knows nothing but HTTP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from local_runtime.emulator.client import Emulator

BOUND_SEC = 30
NEW = "/inn-new-proc.json"
OLD = "/inn-proc.do"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Sends one request on each connection; a form makes it a POST."""

    url: str
    bound: float = BOUND_SEC

    def __call__(self, path: str, form: dict[str, str] | None = None, method: str = "", **headers: str) -> Answer:
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=self.bound)
        body = None if form is None else urlencode(form)
        if form is not None:
            headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", **headers}
        try:
            connection.request(method or ("GET" if form is None else "POST"), path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def find(self, form: dict[str, str], path: str = NEW, **headers: str) -> Answer:
        return self(path, {"c": "find", **form}, **headers)

    def get(self, found: Answer, path: str = NEW) -> Answer:
        return self(path, {"c": "get", "requestId": found.json["requestId"]})

    def legacy(self, form: dict[str, str], path: str = OLD, **headers: str) -> Answer:
        return self(path, {"c": "innMy", "bplace": "", **form}, **headers)


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    yield running
    running.reset()


@pytest.fixture
def client(emulator: Emulator) -> Client:
    return Client(emulator.url)


@pytest.fixture
def form() -> dict[str, str]:
    """Somebody who has no name in the register, and an INN."""
    return {
        "fam": "Орлова",
        "nam": "Дарья",
        "otch": "Глебовна",
        "bdate": "10.10.1991",
        "doctype": "21",
        "docno": "45 12 101010",
        "docdt": "",
        "captcha": "",
        "captchaToken": "",
    }


@pytest.fixture
def people(emulator: Emulator) -> dict[str, dict[str, str]]:
    """The forms of the named people, by id."""
    return {person["id"]: person["form"] for person in emulator.people()}
