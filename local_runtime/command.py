"""`inn local`, which `make run` starts: the function, the emulated tax service, an embedded store, a page to play with.

Nothing is needed beforehand: no server, no container, no key. Settings of the function that make
sense here (HTTP_…, APP_LOOKUP_DEADLINE_SEC, CLIENT_NALOG_…, CACHE_…, LOG_LEVEL) are heeded.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket
from typing import Annotated

import typer
from starlette.applications import Starlette

from adapters import telemetry
from adapters.cli.failure import WRONG_USE, Failure
from adapters.composition.asking import THREADS, Asking, providers
from adapters.composition.checks import provider_check, store_check
from adapters.composition.function import Surroundings
from adapters.composition.function import endpoint as http_endpoint
from adapters.composition.hosted import hosted
from adapters.config.settings import (
    ApiFnsSettings,
    CacheSettings,
    HttpSettings,
    LogSettings,
    LookupSettings,
    NalogSettings,
    load_groups,
)
from adapters.http.lookups import Bounds
from adapters.http.server import Address, Busy, Server, leave, listen, run
from adapters.runtime.clock import SystemClock
from adapters.runtime.shutdown import HeldClaims
from adapters.telemetry import Telemetry
from function.ports import Ports
from local_runtime.emulator.client import Emulator, NotStarted
from local_runtime.emulator.script import Settings
from local_runtime.playground import Playground, Watched
from local_runtime.store import EmbeddedStore, Unusable

DATA = Path(".inn-local")
GRACE_SEC = 5.0
LATENCY_SEC = 0.15
"""Of each answer of the emulated tax service: with one pending poll a lookup takes about a second and a half."""
PAID_KEY = Settings().apifns_key
MANNERS = {"min_interval_sec": 0.0, "cooldown_sec": 5.0}
"""Unless somebody sets them: the emulated service bears any pace, and its recovery is there to be watched."""


_UNKNOWN = "http://emulated"
"""In place of the providers' address, which is known when the emulator is up."""


@dataclass(frozen=True, slots=True)
class Local:
    """The settings of a local runtime."""

    http: HttpSettings
    log: LogSettings
    lookup: LookupSettings
    cache: CacheSettings
    nalog: NalogSettings
    apifns: ApiFnsSettings

    @classmethod
    def read(cls) -> "Local":
        """From the environment. Raises WrongSettings."""
        groups = (HttpSettings, LogSettings, LookupSettings, CacheSettings, NalogSettings, ApiFnsSettings)
        return cls(*load_groups(groups, {"url": _UNKNOWN, "key": PAID_KEY}))

    def asking(self, url: str, *, paid: bool) -> Asking:
        """Whom to ask: the emulated tax service at this address, and the paid provider or not."""
        own = {name: value for name, value in MANNERS.items() if name not in self.nalog.model_fields_set}
        nalog = self.nalog.model_copy(update={"url": url, **own})
        return Asking(nalog, self.apifns.model_copy(update={"url": url, "enabled": paid}), self.lookup.deadline_sec / 2)


def local(
    data: Annotated[Path, typer.Option(help="Folder that keeps requests and answers, in clear text.")] = DATA,
) -> None:
    """Run everything on this machine: the function, an emulated tax service and a page to play with.

    Example: inn local --data /tmp/inn
    """
    settings = Local.read()
    with ExitStack() as stack:
        listener = stack.enter_context(_listener(settings.http))
        store = stack.enter_context(closing(_store(data, settings)))
        emulator = stack.enter_context(_emulator())
        told = stack.enter_context(telemetry.start("inn-local", settings.log.level))
        app = stack.enter_context(application(settings, emulator, store, told))
        greet = partial(_say, greeting(_url(listener), emulator, data, guarded=bool(settings.http.bearer_tokens)))
        run(Server(app, listener, GRACE_SEC, announce=greet).serve())
    _say("Stopped.\n")
    leave()


@contextmanager
def application(settings: Local, emulator: Emulator, store: EmbeddedStore, told: Telemetry) -> Iterator[Starlette]:
    """The HTTP function over the embedded store and the emulated providers, with the page before it."""
    free, paid = (settings.asking(emulator.url, paid=paid) for paid in (False, True))
    with ExitStack() as stack:
        asked = [stack.enter_context(providers(asking, store, told)) for asking in (free, paid)]
        watched = Watched(*asked, paid=settings.apifns.enabled)
        held = stack.enter_context(closing(HeldClaims(store)))
        ports = Ports(held, watched, SystemClock(), settings.cache.lifetimes)
        checks = {"store": store_check(store.ping), "providers": provider_check(watched.states)}
        around = Surroundings(settings.http.bearer_tokens, checks, told, told)
        app = hosted(stack.enter_context(http_endpoint(ports, Bounds(settings.lookup.deadline_sec, THREADS), around)))
        app.router.routes[:0] = Playground(emulator, watched).routes()
        yield app


def greeting(url: str, emulator: Emulator, data: Path, *, guarded: bool = False) -> str:
    """What runs where, and one command to try; where tokens are set (`guarded`) it asks the shell for one."""
    person = {"requestId": "try-1", **emulator.people()[0]["request"]}
    body = json.dumps(person, ensure_ascii=False)
    cleared = "make clean deletes it" if data == DATA else "delete it when you are done"
    token = ' -H "authorization: Bearer $TOKEN"' if guarded else ""
    return f"""
The function         {url}   (open it in a browser to play; probes: /livez /readyz, metrics: /metrics)
The tax service      {emulator.url}   emulated; what it was asked: /stats, invented people: /people
What you ask         {data}   kept there in clear text, so ask for invented persons only; {cleared}

Ask for a person (twice, to see the cache):

curl -s {url} -H 'content-type: application/json' -H 'ce-specversion: 1.0' -H 'ce-id: 1' \\
  -H 'ce-source: /terminal' -H 'ce-type: inn.lookup.requested'{token} \\
  -d '{body}' -w '\\n'

Ctrl-C ends it all.
"""


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _url(listener: socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _store(data: Path, settings: Local) -> EmbeddedStore:
    try:
        return EmbeddedStore(data / "answers.sqlite", lease=settings.asking(_UNKNOWN, paid=True).lease)
    except Unusable as no:
        raise Failure(f"{no} (--data)", WRONG_USE) from None


def _emulator() -> Emulator:
    try:
        return Emulator("--latency", str(LATENCY_SEC), "--pending", "1")
    except NotStarted as no:
        raise Failure(f"{no}; it says why above") from None


@contextmanager
def _listener(http: HttpSettings) -> Iterator[socket]:
    try:
        with listen(Address(http.host, http.port)) as listener:
            yield listener
    except Busy as busy:
        raise Failure(str(busy), WRONG_USE) from None
