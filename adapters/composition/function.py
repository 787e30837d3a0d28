"""The HTTP function from its parts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from adapters.composition.asking import THREADS, Asking, providers
from adapters.composition.checks import provider_check, store_check
from adapters.composition.store import Keeping, answers, longest_call, open_store, store_start
from adapters.config.settings import Core
from adapters.http.endpoint import Endpoint, Page
from adapters.http.lookups import Bounds, Lookups
from adapters.http.probes import Check, Numbers, Probe, Probes
from adapters.runtime.clock import SystemClock
from adapters.runtime.startup import Connect, telling
from adapters.telemetry import Telemetry, timed
from function.ports import Ports
from function.telemetry import Observer

FETCHES_SEC = 40.0
"""What fetches beyond their requests' deadline have at the end: with what the requests had, longer than one takes."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the HTTP function needs beside the ports: who may ask, what is probed, who is told."""

    tokens: Sequence[str] = field(repr=False)
    checks: Mapping[str, Check]
    observer: Observer
    numbers: Numbers


@contextmanager
def endpoint(ports: Ports, bounds: Bounds, around: Surroundings) -> Iterator[Endpoint]:
    """The HTTP function over these ports."""
    lookups = Lookups(timed(ports, around.observer), bounds)
    try:
        probes = Probes(around.checks, around.numbers).by_path()
        pages = {path: _page(probe) for path, probe in probes.items()}
        yield Endpoint(lookups, pages, around.tokens, around.observer)
    finally:
        lookups.close()


def _page(probe: Probe) -> Page:
    """A probe as the endpoint asks it."""

    async def page(_request: Request) -> Response:
        told = await probe()
        return Response(told.body, told.status, {"content-type": told.media})

    return page


class Function(NamedTuple):
    """The HTTP function of a production process, and how its start reaches its servers."""

    endpoint: Endpoint
    servers: Mapping[str, Connect]


@contextmanager
def function(core: Core, told: Telemetry) -> Iterator[Function]:
    """The function over MongoDB and the real providers. Nothing is connected yet."""
    deadline = core.lookup.deadline_sec
    # A lookup waits for its turn half of its time: the rest is for the answer.
    asking = Asking(core.nalog, core.apifns, deadline / 2, longest_call(core.mongo))
    with ExitStack() as stack:
        keeping = Keeping(core.app, core.mongo, core.history, asking.lease)
        store = stack.enter_context(open_store(keeping))
        asked = stack.enter_context(providers(asking, store, told))
        recent = stack.enter_context(answers(store))
        ports = Ports(recent, asked, SystemClock(), core.cache.lifetimes, recent)
        checks = {"store": store_check(store.ping), "providers": provider_check(asked.states)}
        around = Surroundings(core.http.bearer_tokens, checks, told, told)
        served = stack.enter_context(endpoint(ports, Bounds(deadline, THREADS, FETCHES_SEC), around))
        yield Function(served, telling({"MongoDB": store_start(store)}, told))
