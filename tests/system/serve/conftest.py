"""`inn serve` and functions-framework as processes, between a real MongoDB with users and the emulated tax service."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local_runtime.emulator.client import Emulator
from local_runtime.servers.mongod import Mongo, standalone
from local_runtime.servers.process import free_port, wait_for

KEY = "a-key-of-the-tests-long-enough-to-be-one"
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[3]
START_SEC = 60
STOP_SEC = 60
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/t",
    "ce-type": "inn.lookup.requested",
    "content-type": "application/json",
}


class Process:
    """One process of the service; `errors` is what it wrote to standard error so far."""

    def __init__(self, command: list[str], folder: Path, settings: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{settings['HTTP_PORT']}"
        self._errors = folder / f"errors-{settings['HTTP_PORT']}"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [BIN / command[0], *command[1:]], cwd=folder, env={**os.environ, **settings}, stderr=errors
            )
        self._pool = urllib3.PoolManager(retries=False, timeout=60)

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("GET", self.url + path)

    def ask(self, request: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        return self._pool.request("POST", self.url, body=json.dumps(request).encode(), headers=HEADERS)

    def answers(self, path: str, status: int) -> None:
        """Wait until it answers so."""

        def seen() -> bool:
            assert self.process.poll() is None, self.errors
            with suppress(urllib3.exceptions.HTTPError):
                return self.get(path).status == status
            return False

        wait_for(seen, within=START_SEC, what=f"{path} to answer {status}")

    def end(self, number: signal.Signals | None = None) -> int:
        """Its exit status, after a signal where one is given."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_SEC)
        self._pool.clear()
        return status


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
