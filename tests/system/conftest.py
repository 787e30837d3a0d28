"""Servers that the tests of whole processes share, and how they start those."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local_runtime.emulator.process import Emulator
from tests.relay import relay
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import free_port
from tests.system.process import Process


@pytest.fixture(scope="session")
def secured_mongo() -> Iterator[Mongo]:
    """A mongod with users. Take a database of your own."""
    with standalone(auth=True) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts processes with these settings: a command, else `inn consume` where RabbitMQ is among them, or `inn serve`."""
    with ExitStack() as running:

        def begin(settings: Mapping[str, str], *command: str) -> Process:
            usual = ("inn", "consume" if "RABBITMQ_DSN" in settings else "serve")
            process = Process(command or usual, tmp_path, {"HTTP_PORT": str(free_port()), **settings})
            running.callback(process.end, signal.SIGKILL)
            return process

        yield begin


@pytest.fixture
def silent(settings: dict[str, str], emulator: Emulator) -> Iterator[threading.Event]:
    """A tax service that says nothing until the event is set; over HTTP a lookup waits for no longer than a moment."""
    with relay("127.0.0.1", urlsplit(emulator.url).port or 0) as server:
        server.opened.clear()
        url = f"http://127.0.0.1:{server.port}"
        settings |= {"CLIENT_NALOG_URL": url, "CLIENT_NALOG_TIMEOUT_SEC": "600", "APP_LOOKUP_DEADLINE_SEC": "0.2"}
        yield server.opened
