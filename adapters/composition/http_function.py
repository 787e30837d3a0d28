"""Builds the HTTP function."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from adapters.composition.lookups import Providers, Store, build_provider, open_lookups
from adapters.composition.mongodb import open_store, store_connector
from adapters.config.settings import Core, HttpSettings
from adapters.http.endpoint import Endpoint
from adapters.http.probes import Probes
from adapters.runtime.wait_for_servers import Connect
from adapters.telemetry import Telemetry
from function.ports import Lifetimes

FETCH_GRACE_SEC = 40.0  # time limit at the process's end of fetches that outlast their requests: longer than one takes


@contextmanager
def function(core: Core, telemetry: Telemetry) -> Iterator[tuple[Endpoint, Mapping[str, Connect]]]:
    """The function over MongoDB and the real providers, and the connectors of its servers. Nothing is connected yet."""
    with open_store(core.app, core.mongo) as store:
        provider = build_provider(core.nalog, core.apifns, store, telemetry)
        with open_endpoint(store, provider, telemetry, core.http, core.cache.lifetimes) as endpoint:
            yield endpoint, {"MongoDB": store_connector(store, core.nalog)}


@contextmanager
def open_endpoint(
    store: Store, provider: Providers, telemetry: Telemetry, http: HttpSettings, lifetimes: Lifetimes
) -> Iterator[Endpoint]:
    """The endpoint over any store and providers. At its end fetches under way end first, then pending saves are made."""
    with open_lookups(store, provider, lifetimes, telemetry) as (lookups, checks), ExitStack() as stack:
        stack.callback(lookups.close, FETCH_GRACE_SEC)
        yield Endpoint(lookups, Probes(checks, telemetry), http.bearer_tokens, telemetry, http.lookup_deadline_sec)
