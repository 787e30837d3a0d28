"""`inn local`, which `make run` starts: the function, the emulated tax service, an embedded store, a playground page.

It needs no server, container or key. It reads the function's settings that apply
here: HTTP_…, APP_LOOKUP_DEADLINE_SEC, CLIENT_NALOG_…, CLIENT_APIFNS_…, CACHE_…, LOG_LEVEL.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from socket import socket
from typing import Annotated, NamedTuple

import typer

from adapters import telemetry
from adapters.cli.errors import WRONG_USE, Failure
from adapters.composition.http_function import open_endpoint
from adapters.composition.lookups import build_provider
from adapters.composition.run_process import exit_if_threads_remain, run_until_signal
from adapters.config.settings import (
    ApiFnsSettings,
    CacheSettings,
    HttpSettings,
    LogSettings,
    NalogSettings,
    load_groups,
)
from adapters.http.endpoint import Endpoint
from adapters.http.server import ListenError, Server, listen, run
from adapters.telemetry import Telemetry
from local_runtime.emulator.control_settings import EmulatorSettings
from local_runtime.emulator.process import Emulator, EmulatorFailed
from local_runtime.functions_framework_app import functions_framework_app
from local_runtime.playground import Playground, SwitchableProvider
from local_runtime.store import EmbeddedStore, StoreUnusable

DATA = Path(".inn-local")
GRACE_SEC = 5.0
LATENCY_SEC = 0.15
"""Of each answer of the emulated tax service: with one pending poll a lookup takes about three and a half seconds."""
PAID_KEY = EmulatorSettings().apifns_key
DEFAULTS = {"min_interval_sec": 0.0, "cooldown_sec": 5.0}
"""Defaults of the local runtime: no rate limit, and a cool-down that is short enough to watch."""


class LocalSettings(NamedTuple):
    """The settings of a local runtime."""

    http: HttpSettings
    log: LogSettings
    cache: CacheSettings
    nalog: NalogSettings
    apifns: ApiFnsSettings

    @classmethod
    def read(cls) -> "LocalSettings":
        """From the environment. Raises WrongSettings."""
        groups = (HttpSettings, LogSettings, CacheSettings, NalogSettings, ApiFnsSettings)
        # The providers' address is only known when the emulator runs.
        urls = dict.fromkeys(("CLIENT_NALOG_URL", "CLIENT_APIFNS_URL"), "http://emulated")
        return cls(*load_groups(groups, **urls, CLIENT_APIFNS_KEY=PAID_KEY))

    def providers(self, url: str, *, paid: bool) -> tuple[NalogSettings, ApiFnsSettings]:
        """The providers' settings: the emulated tax service at this address, and the paid provider or not."""
        own = {name: value for name, value in DEFAULTS.items() if name not in self.nalog.model_fields_set}
        nalog = self.nalog.model_copy(update={"url": url, **own})
        return nalog, self.apifns.model_copy(update={"url": url, "enabled": paid})


class LocalFunction(NamedTuple):
    """The HTTP function over local replacements of its servers."""

    endpoint: Endpoint
    emulator: Emulator
    provider: SwitchableProvider


def local(
    data: Annotated[Path, typer.Option(help="Folder for requests and answers, in clear text.")] = DATA,
) -> None:
    """Run everything on this machine: the function, an emulated tax service and a page to play with.

    Example: inn local --data /tmp/inn
    """
    settings = LocalSettings.read()
    try:
        with (
            listen(settings.http.host, settings.http.port) as listener,
            telemetry.start("inn-local", settings.log.level) as observer,
            local_function(settings, data, observer) as served,
        ):
            app = functions_framework_app(served.endpoint)
            app.router.routes[:0] = Playground(served.emulator, served.provider).routes()
            guarded = bool(settings.http.bearer_tokens)
            text = greeting(_url(listener), served.emulator, data, guarded=guarded)

            async def greet(stopping: asyncio.Event) -> None:
                _write(text)
                await stopping.wait()

            run(run_until_signal(Server(app, listener, GRACE_SEC), {}, 0, observer, greet))
    except ListenError as exc:
        raise Failure(str(exc), WRONG_USE) from None
    except StoreUnusable as exc:
        raise Failure(f"{exc} (--data)", WRONG_USE) from None
    except EmulatorFailed as exc:
        raise Failure(f"{exc}; it says why above") from None
    _write("Stopped.\n")
    exit_if_threads_remain()


@contextmanager
def local_function(settings: LocalSettings, data: Path, observer: Telemetry) -> Iterator[LocalFunction]:
    """Start it with an embedded store in the folder `data` and emulated providers.

    Raises StoreUnusable, EmulatorFailed.
    """
    with ExitStack() as stack:
        store = stack.enter_context(closing(EmbeddedStore(data / "answers.sqlite")))
        emulator = stack.enter_context(Emulator("--latency", str(LATENCY_SEC), "--pending", "1"))
        alone, with_paid = (
            build_provider(*settings.providers(emulator.url, paid=paid), store, observer) for paid in (False, True)
        )
        provider = SwitchableProvider(alone, with_paid, paid=settings.apifns.enabled)
        endpoint = open_endpoint(store, provider, observer, settings.http, settings.cache.lifetimes)
        yield LocalFunction(stack.enter_context(endpoint), emulator, provider)


def greeting(url: str, emulator: Emulator, data: Path, *, guarded: bool = False) -> str:
    """The addresses, and a command to try, with a token from the shell if tokens are set (`guarded`)."""
    person = {"requestId": "try-1", **emulator.people()[0]["request"]}
    body = json.dumps(person, ensure_ascii=False)
    cleared = "make clean deletes it" if data == DATA else "delete it when you are done"
    token = ' -H "authorization: Bearer $TOKEN"' if guarded else ""
    return f"""
The function         {url}   (open it in a browser to play; probes: /livez /readyz, metrics: /metrics)
The tax service      {emulator.url}   emulated; what it was asked: /stats, invented people: /people
What you ask         {data}   kept there in clear text, so ask for invented persons only; {cleared}

Ask for a person (twice, to see the cache):

curl -s {url} -H 'content-type: application/json'{token} \\
  -d '{body}' -w '\\n'

Ctrl-C ends it all.
"""


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _url(listener: socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
