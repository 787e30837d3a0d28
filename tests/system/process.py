"""One process of the service, as the system would run it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import urllib3
from pymongo import MongoClient

from local_runtime.emulator.control_client import EmulatorControl
from tests.servers.mongod import Mongo
from tests.servers.process import wait_for
from tests.servers.rabbitmq import Node

KEY = "a-key-of-the-tests-long-enough-to-be-one"
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
START_SEC = 60
STOP_SEC = 90
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/t",
    "ce-type": "inn.lookup.requested",
    "content-type": "application/json",
}
CALLERS = 50  # threads that ask one process at the same time without losing connections


def settings_of(own: str, mongo: Mongo, tax_service: EmulatorControl, node: Node | None = None) -> dict[str, str]:
    """What a process needs that has a database and queues of its own; `node`: of a consumer."""
    broker = {"RABBITMQ_DSN": node.uri, "RABBITMQ_SOURCE_QUEUE_NAME": own} if node else {}
    return {
        **broker,
        "MONGO_DSN": mongo.uri,
        "MONGO_NAME": own,
        "APP_SECRET_KEYS": KEY,
        "CLIENT_NALOG_URL": tax_service.url,
        "CLIENT_NALOG_MIN_INTERVAL_SEC": "0",
    }


def patched(statement: str) -> tuple[str, ...]:
    """The command `inn`, after this statement."""
    return ("python", "-c", f"{statement}; from adapters.cli.main import main; main()")


class Process:
    """A command with these settings. HTTP_PORT is its own.

    `errors` is what it wrote to standard error so far, `output` to standard output.
    """

    def __init__(self, command: Sequence[str], folder: Path, settings: Mapping[str, str]) -> None:
        self.port = int(settings["HTTP_PORT"])
        self.url = f"http://127.0.0.1:{self.port}"
        self._errors = folder / f"errors-{settings['HTTP_PORT']}"
        self._output = folder / f"output-{settings['HTTP_PORT']}"
        with self._errors.open("wb") as errors, self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [BIN / command[0], *command[1:]],
                cwd=folder,
                env={**os.environ, **settings},
                stdout=output,
                stderr=errors,
                # Its children, as functions-framework's, are of its group: none outlives it.
                start_new_session=True,
            )
        self.pool = urllib3.PoolManager(maxsize=CALLERS, retries=False, timeout=60)

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    @property
    def output(self) -> str:
        return self._output.read_text()

    def ask(self, request: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        """One event in binary mode."""
        return self.pool.request("POST", self.url, body=json.dumps(request).encode(), headers=HEADERS)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self.pool.request("GET", self.url + path)

    def answers(self, path: str, status: int) -> None:
        """Wait until it answers so."""

        def seen() -> bool:
            assert self.process.poll() is None, self.errors
            with suppress(urllib3.exceptions.HTTPError):
                return self.get(path).status == status
            return False

        wait_for(seen, within=START_SEC, what=f"{path} to answer {status}")

    def listens_no_more(self) -> None:
        """Wait until no client gets in, the process still there."""

        def seen() -> bool:
            assert self.process.poll() is None, self.errors
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return False
            return True

        wait_for(seen, within=STOP_SEC, what="the end of listening")

    def end(self, number: signal.Signals | None = None) -> int:
        """Its exit status, after a signal where one is given; SIGKILL ends what it started as well."""
        self.pool.clear()  # a server at its end waits for the connections that clients keep
        if number is signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
        elif number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_SEC)


def kept(settings: Mapping[str, str]) -> dict[str, Any]:
    """What MongoDB keeps under the only person."""
    with MongoClient[dict[str, Any]](settings["MONGO_DSN"]) as client:
        [document] = client[settings["MONGO_NAME"]]["answers"].find()
    return document
