"""The function on each of its hosts, behind a real socket; only its provider is a script."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3
from starlette.types import ASGIApp

from adapters.answers.caching_store import CachingStore
from adapters.http.endpoint import Endpoint
from adapters.http.probes import CheckResult, Probes
from adapters.http.server import Server as HttpServer
from adapters.http.server import listen, run
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import LookupRunner
from function.ports import Invalid, Pending, Ports, Ticket, Verdict
from function.request import LookupRequest
from local_runtime.functions_framework_app import functions_framework_app
from local_runtime.store import EmbeddedStore
from tests.doubles import FOUND, PERSON, Metrics, RecordingObserver, World

ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "/client", "type": "inn.lookup.requested"}


@dataclass
class Script:
    """An InnProvider for many threads: says what `say` returns, once its gate is open."""

    say: Callable[[LookupRequest], Verdict | Invalid | Pending] = lambda _: FOUND
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        self.asked.append(request.request_id)
        assert self.gate.wait(30)
        return self.say(request)


class FixedCheck:
    """A check with this result, whenever its gate is open; `runs`: how often it was begun."""

    def __init__(self, *, ready: bool = True, detail: str = "", hanging: bool = False) -> None:
        self.result = CheckResult(ready, detail)
        self.runs = 0
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        if not hanging:
            self.gate.set()

    async def __call__(self) -> CheckResult:
        self.runs += 1
        self.begun.set()
        await self.gate.wait()
        return self.result


@dataclass
class Server:
    """A client's view of the function, and the strings behind it."""

    url: str
    provider: Script
    observer: RecordingObserver
    pool: urllib3.PoolManager

    def post(self, body: bytes, headers: Mapping[str, str], path: str = "/") -> urllib3.BaseHTTPResponse:
        return self.pool.request("POST", self.url + path, body=body, headers=headers, retries=False, timeout=30)

    def ask(self, request: Mapping[str, Any] | bytes = PERSON, **attributes: str) -> urllib3.BaseHTTPResponse:
        """One event in binary mode."""
        headers = {f"ce-{name}": value for name, value in {**ATTRIBUTES, **attributes}.items()}
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.post(body, {**headers, "content-type": "application/json"})

    def get(self, path: str, method: str = "GET") -> urllib3.BaseHTTPResponse:
        return self.pool.request(method, self.url + path, retries=False, timeout=30)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The application, at the address given."""
    listener = listen("127.0.0.1", 0)
    server = HttpServer(app, listener, grace=1)
    thread = threading.Thread(target=run, args=(server.serve(),))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.stop()
    thread.join()


@pytest.fixture
def provider() -> Script:
    script = Script()
    script.gate.set()
    return script


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


@pytest.fixture(scope="session", params=["bare ASGI", "functions-framework"])
def host(request: pytest.FixtureRequest) -> Callable[[Endpoint], ASGIApp]:
    """What stands between uvicorn and the function: nothing, as in `inn serve`, or the framework's host."""
    return functions_framework_app if request.param == "functions-framework" else lambda endpoint: endpoint.serve


def start(
    stack: ExitStack,
    folder: Path,
    host: Callable[[Endpoint], ASGIApp],
    provider: Script,
    observer: RecordingObserver,
    *,
    deadline: float = 20,
    tokens: Sequence[str] = (),
    threads: int = 8,
    body_sec: float = 10,
) -> Server:
    """A function over a store of its own, until the stack ends."""
    store = stack.enter_context(closing(EmbeddedStore(folder / "store.sqlite")))
    answers = stack.enter_context(closing(CachingStore(store, SystemClock(), observer)))
    ports = Ports(answers, provider, SystemClock(), World().lifetimes)
    lookups = LookupRunner(answers, ports, threads, observer)
    stack.callback(lookups.close, 5)
    probes = Probes({"store": FixedCheck()}, Metrics())
    url = stack.enter_context(serving(host(Endpoint(lookups, probes, tokens, observer, deadline, body_sec))))
    # It ends first: a server at its end waits for the connections that clients keep.
    return Server(url, provider, observer, stack.enter_context(urllib3.PoolManager(maxsize=64)))


@pytest.fixture
def make_server(
    tmp_path: Path, provider: Script, observer: RecordingObserver, host: Callable[[Endpoint], ASGIApp]
) -> Iterator[Callable[..., Server]]:
    """Starts a function."""
    with ExitStack() as stack:
        yield partial(start, stack, tmp_path, host, provider, observer)


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """A function that has been asked nothing."""
    return make_server()


@pytest.fixture(scope="session")
def steady(host: Callable[[Endpoint], ASGIApp], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One function for all tests of which nothing is kept but that PERSON was found."""
    yield from _lasting(host, tmp_path_factory)


@pytest.fixture(scope="session")
def guarded(host: Callable[[Endpoint], ASGIApp], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same behind two tokens."""
    yield from _lasting(host, tmp_path_factory, "secret-1", "secret-2")


def _lasting(host: Callable[[Endpoint], ASGIApp], folders: pytest.TempPathFactory, *tokens: str) -> Iterator[Server]:
    with ExitStack() as stack:
        provider = Script()
        provider.gate.set()
        yield start(stack, folders.mktemp("http"), host, provider, RecordingObserver(), tokens=tokens)
