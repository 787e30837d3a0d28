"""The command line against a local runtime, which is a process of its own, and against servers with bad manners."""

import json
import logging
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adapters.cli.main import run
from function.outcomes import Reason
from tests.adapters.cli.people import read, write
from tests.system.local.conftest import AT_ONCE, LocalRuntime


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def fails(self, status: int, said: str) -> None:
        """It ended with one line, which says so."""
        assert (self.status, self.err.count("\n")) == (status, 1)
        assert said in self.err


Inn = Callable[..., Ended]


@contextmanager
def no_handlers() -> Iterator[None]:
    """Loggers as a process of its own has them: pytest's, and those of runs before, would hide what libraries print."""
    named = [item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
    before = [(logger, logger.handlers) for logger in (logging.root, *named)]
    for logger, _ in before:
        logger.handlers = []
    try:
        yield
    finally:
        for logger, handlers in before:
            logger.handlers = handlers


@pytest.fixture
def inn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inn:
    """Run one command in this process."""
    for name in ("INN_URL", "INN_AMQP", "INN_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        with no_handlers():
            status = run(arguments)
        written = capsys.readouterr()
        return Ended(status, written.out, written.err)

    return call


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRuntime]:
    """`inn local`, whose tax service answers at once."""
    local = LocalRuntime(tmp_path_factory.mktemp("local"))
    local.tax_service.control(**AT_ONCE)
    yield local
    local.end(signal.SIGKILL)
    local.tax_service.close()


Response = tuple[int, dict[str, str], bytes]
Reply = Response | Callable[[Any], Response]  # what a host answers, or how it makes that of the body


def answering(statuses: Mapping[str, str]) -> Callable[[Any], Response]:
    """A service that answers by surname: a status, or a reason's code, and what it says of it behind a colon."""

    def reply(request: Any) -> Response:
        word, _, details = statuses.get(request["lastName"], "not_found").partition(": ")
        if word in [*Reason]:
            return 503, {}, json.dumps({"code": word, "detail": details}).encode()
        result = {"inn": "", "cached": False, "details": details, "elapsedTime": 0.1, "status": word}
        return 200, {}, json.dumps({"requestId": request["requestId"], **result}).encode()

    return reply


@dataclass
class Host:
    """An HTTP server that answers what stands in `replies`, in turn, the last one for ever; keeps what it was sent."""

    replies: list[Reply]
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    url: str = ""

    def take(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    """Starts hosts."""
    servers: list[ThreadingHTTPServer] = []

    def start(*replies: Reply) -> Host:
        started = Host(list(replies))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                started.headers.append({name.lower(): text for name, text in self.headers.items()})
                started.bodies.append(asked := json.loads(self.rfile.read(int(self.headers["content-length"]))))
                reply = started.take()
                status, headers, body = reply(asked) if callable(reply) else reply
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False  # so that none prints its late traceback into the next test
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.url = f"http://127.0.0.1:{server.server_port}"
        return started

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Batch:
    """Runs `inn batch` in a folder of its own. `there`: the host that was asked last."""

    def __init__(self, inn: Inn, host: Callable[..., Host], folder: Path) -> None:
        self._inn = inn
        self._host = host
        self.folder = folder
        self.out = folder / "out.csv"

    def __call__(
        self, source: Path | Sequence[Sequence[str]], *replies: Reply | str, options: str = "", out: str = "out.csv"
    ) -> Ended:
        """`source`: a file, or rows; `replies`: an address, or what a new host replies; nobody listens without."""
        if not isinstance(source, Path):
            source = write(self.folder / "in.csv", source)
        url = next((reply for reply in replies if isinstance(reply, str)), "" if replies else "http://127.0.0.1:1")
        if not url:
            self.there = self._host(*replies)
        self.out = self.folder / out
        address = url or self.there.url
        return self._inn("batch", str(source), "-o", str(self.out), "--url", address, *shlex.split(options))

    def rows(self) -> list[list[Any]]:
        """What stands in OUT below the headings."""
        return read(self.out)[1:]

    def files(self) -> list[str]:
        """What stands in the folder."""
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def batch(inn: Inn, host: Callable[..., Host], tmp_path: Path) -> Batch:
    return Batch(inn, host, tmp_path)
