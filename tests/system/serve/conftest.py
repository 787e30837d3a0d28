"""`inn serve` and functions-framework as processes, between a real MongoDB with users and the emulated tax service."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local_runtime.emulator.client import Emulator
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import free_port
from tests.system import process as system
from tests.system.process import KEY, ROOT

__all__ = ["ROOT", "Process"]

HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/t",
    "ce-type": "inn.lookup.requested",
    "content-type": "application/json",
}


class Process(system.Process):
    """One that answers HTTP."""

    def ask(self, request: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        return self.pool.request("POST", self.url, body=json.dumps(request).encode(), headers=HEADERS)


@pytest.fixture(scope="session")
def mongo() -> Iterator[Mongo]:
    with standalone(auth=True) as mongo:
        yield mongo


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def settings(mongo: Mongo, emulator: Emulator, request: pytest.FixtureRequest) -> dict[str, str]:
    """Right settings, with a database of this test's own."""
    emulator.reset()
    return {
        "HTTP_PORT": str(free_port()),
        "MONGO_DSN": mongo.uri,
        "MONGO_NAME": f"test_{abs(hash(request.node.name))}",
        "APP_SECRET_KEYS": KEY,
        "CLIENT_NALOG_URL": emulator.url,
        "CLIENT_NALOG_MIN_INTERVAL_SEC": "0",
        "MONGO_TIMEOUT_SERVER_SELECT": "500",
    }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def begin(settings: Mapping[str, str], *command: str) -> Process:
        running.append(Process(list(command) or ["inn", "serve"], tmp_path, settings))
        return running[-1]

    yield begin
    for process in running:
        process.end(signal.SIGKILL)
