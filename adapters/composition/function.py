"""Builds the HTTP function."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from adapters.answers.cached_answers import CachedAnswers
from adapters.composition.providers import THREADS, build_provider
from adapters.composition.readiness import provider_check, store_check
from adapters.composition.store import open_store, store_connector
from adapters.config.settings import Core
from adapters.http.endpoint import Endpoint
from adapters.http.probes import Probes
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import CachedStore, LookupRunner
from adapters.runtime.startup import Connect
from adapters.telemetry import Telemetry
from function.ports import Ports
from function.telemetry import Observer

FETCH_GRACE_SEC = 40.0
"""Time limit, at the process's end, of fetches beyond their requests' deadline: longer than one takes."""


@contextmanager
def http_endpoint(
    answers: CachedStore,
    ports: Ports,
    probes: Probes,
    observer: Observer,
    *,
    tokens: Sequence[str],
    deadline_sec: float,
    threads: int = THREADS,
) -> Iterator[Endpoint]:
    """The HTTP function over these ports. `deadline_sec`: of one lookup; `threads`: concurrent fetches."""
    lookups = LookupRunner(answers, ports, threads, observer)
    try:
        yield Endpoint(lookups, probes, tokens, observer, deadline_sec)
    finally:
        lookups.close(FETCH_GRACE_SEC)


class Function(NamedTuple):
    """The HTTP function of a production process, and the connectors of its servers."""

    endpoint: Endpoint
    servers: Mapping[str, Connect]


@contextmanager
def function(core: Core, telemetry: Telemetry) -> Iterator[Function]:
    """The function over MongoDB and the real providers. Nothing is connected yet."""
    with ExitStack() as stack:
        store = stack.enter_context(open_store(core.app, core.mongo, core.history))
        provider = build_provider(core.nalog, core.apifns, store, telemetry)
        answers = stack.enter_context(closing(CachedAnswers(store, SystemClock(), telemetry)))
        ports = Ports(answers, provider, SystemClock(), core.cache.lifetimes)
        checks = {"store": store_check(store.ping), "providers": provider_check(provider.states)}
        tokens, deadline = core.http.bearer_tokens, core.lookup.deadline_sec
        made = http_endpoint(answers, ports, Probes(checks, telemetry), telemetry, tokens=tokens, deadline_sec=deadline)
        yield Function(stack.enter_context(made), {"MongoDB": store_connector(store, core.nalog)})
