"""The only place that joins settings, adapters and the core.

Nothing here connects at import: a process builds what it needs once, after it was forked, and
closes it in the reverse order.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import ModuleType

from functions_framework.aio import create_asgi_app_from_module
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from adapters.http.endpoint import Endpoint
from adapters.http.lookups import Bounds, Lookups
from adapters.nalog import NalogConfig, connect
from adapters.probes import Check, Numbers, Part, Probes
from adapters.providers import Manners, Providers, State
from adapters.settings import NalogSettings
from adapters.telemetry import timed
from function.observing import Observer
from function.pacing import Pace, ProviderBook
from function.ports import Ports, Unavailable

THREADS = 32
"""Lookups of one process that ask a provider at the same time; its pools of connections are as large."""


MARGIN_SEC = 5.0
"""For the store's part of a lookup, over the provider's."""
PROBE_MARGIN_SEC = 10.0
"""Over the time limit of a lookup, before a probe of a provider counts as lost."""


def patience(deadline: float) -> float:
    """Seconds that a lookup over HTTP may wait for its turn at a provider: the rest of its time is for the answer."""
    return deadline / 2


def lease(nalog: NalogSettings, patience: float) -> float:
    """Seconds after which a claim is anybody's: whoever still held it has died, for no fetch takes so long."""
    return nalog.timeout_sec + patience + MARGIN_SEC


@contextmanager
def providers(nalog: NalogSettings, book: ProviderBook, observer: Observer, patience: float) -> Iterator[Providers]:
    """The tax service at its pace. `patience`: seconds that a request may wait for its turn."""
    upstream = connect(
        NalogConfig(
            url=nalog.url,
            protocol=nalog.protocol,
            timeout=nalog.timeout_sec,
            retries=nalog.retries,
            wait=nalog.wait_sec,
            proxy=nalog.proxy.get_secret_value(),
            ca_bundle=nalog.ca_bundle,
            user_agent=nalog.user_agent,
            consent=nalog.consent,
            connections=THREADS,
        )
    )
    pace = Pace(
        min_interval=nalog.min_interval_sec,
        cooldown=nalog.cooldown_sec,
        daily_limit=nalog.daily_limit,
        probe_lease=nalog.timeout_sec + PROBE_MARGIN_SEC,
    )
    with closing(upstream):
        yield Providers([(upstream, pace)], book, observer, Manners(patience))


def check(ping: Callable[[], object]) -> Check:
    """A part that is ready while its ping returns."""

    async def look() -> Part:
        try:
            await asyncio.to_thread(ping)
        except Unavailable as no:
            return Part(ready=False, detail=no.reason.value)
        return Part(ready=True)

    return look


def provider_check(asked: Providers) -> Check:
    """Which providers are shut, and for how long. That is told, but a process that can answer from its cache is ready."""

    async def look() -> Part:
        try:
            states = await asyncio.to_thread(asked.states)
        except Unavailable as no:
            return Part(ready=True, detail=f"unknown: {no.reason.value}")
        return Part(ready=True, detail=", ".join(map(_told, states)))

    return look


def _told(state: State) -> str:
    if state.shut is None:
        return f"{state.name}: open"
    return f"{state.name}: {state.shut.why.value}, opens in {state.shut.reopens_in:.0f} s"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the HTTP function needs beside the ports: who may ask, what is probed, who is told."""

    tokens: Sequence[str]
    checks: Mapping[str, Check]
    observer: Observer
    numbers: Numbers


@contextmanager
def endpoint(ports: Ports, bounds: Bounds, around: Surroundings) -> Iterator[Endpoint]:
    """The HTTP function over these ports."""
    lookups = Lookups(timed(ports, around.observer), bounds)
    try:
        yield Endpoint(lookups, Probes(around.checks, around.numbers).by_path(), around.tokens, around.observer)
    finally:
        lookups.close()


def hosted(endpoint: Endpoint) -> Starlette:
    """The endpoint as an application of functions-framework's asynchronous host."""

    async def inn(request: Request) -> Response:
        return await endpoint(request)

    module = ModuleType("inn_function")
    setattr(module, inn.__name__, inn)
    # Untyped, as all of functions-framework is.
    app: Starlette = create_asgi_app_from_module(inn.__name__, __file__, "http", module, None)  # type: ignore[no-untyped-call]
    return app
