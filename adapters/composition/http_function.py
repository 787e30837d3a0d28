"""Builds the HTTP function."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from adapters.answers.caching_store import CachingStore
from adapters.composition.mongodb import open_store, store_connector
from adapters.composition.providers import THREADS, build_provider
from adapters.composition.readiness import provider_check, store_check
from adapters.config.settings import Core
from adapters.http.endpoint import Endpoint
from adapters.http.probes import Probes
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import LookupRunner
from adapters.runtime.process_lifetime import Connect
from adapters.telemetry import Telemetry
from function.ports import Ports

FETCH_GRACE_SEC = 40.0
"""Time limit, at the process's end, of fetches beyond their requests' deadline: longer than one takes."""


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
        answers = stack.enter_context(closing(CachingStore(store, SystemClock(), telemetry)))
        lookups = LookupRunner(
            answers, Ports(answers, provider, SystemClock(), core.cache.lifetimes), THREADS, telemetry
        )
        stack.callback(lookups.close, FETCH_GRACE_SEC)
        probes = Probes({"store": store_check(store.ping), "providers": provider_check(provider.states)}, telemetry)
        endpoint = Endpoint(lookups, probes, core.http.bearer_tokens, telemetry, core.lookup.deadline_sec)
        yield Function(endpoint, {"MongoDB": store_connector(store, core.nalog)})
