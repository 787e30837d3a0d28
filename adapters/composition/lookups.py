"""Builds the providers, and the runner of lookups over any store."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple, Protocol

from adapters.answers.caching_store import CachingStore, ErasingStore
from adapters.composition.readiness import provider_check, store_check
from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.http.probes import Check
from adapters.providers import FailoverProvider, ProviderStatus
from adapters.providers.apifns import ApiFns
from adapters.providers.nalog.provider import Nalog
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import LookupRunner
from function.ports import InnProvider, Lifetimes, Ports, Provider
from function.rate_limit import RateLimit, RateLimiter
from function.telemetry import Observer

THREADS = 32  # concurrent fetches of one process
PROBE_MARGIN_SEC = 10.0  # added to the timeout of one exchange: after both, a probe of a provider counts as lost


class Store(ErasingStore, Protocol):
    """The store of a host's lookups."""

    def ping(self) -> None:
        """Raise Unavailable while it cannot be used."""


class Providers(InnProvider, Protocol):
    """The providers of a host's lookups."""

    def states(self) -> Sequence[ProviderStatus]:
        """The state of each, in order. Raises Unavailable while the store cannot be reached."""


class Lookups(NamedTuple):
    """The runner of a host, and the readiness checks of what it uses."""

    runner: LookupRunner
    checks: dict[str, Check]


def build_provider(
    nalog: NalogSettings, apifns: ApiFnsSettings, limiter: RateLimiter, observer: Observer, poll_wait: float = 1
) -> FailoverProvider:
    """The providers of lookups, with fail-over. Nothing is sent yet. `poll_wait`: see Nalog."""
    clock = SystemClock()
    probe_lease = nalog.timeout_sec + PROBE_MARGIN_SEC
    limit = RateLimit(nalog.min_interval_sec, nalog.cooldown_sec, nalog.daily_limit, probe_lease)
    order: list[tuple[Provider, RateLimit]] = [(Nalog(nalog, clock, observer, poll_wait), limit)]
    if apifns.enabled:
        # A paid provider has no minimum interval; throttling opens its circuit as the tax service's.
        order.append((ApiFns(apifns, nalog.timeout_sec), RateLimit(0, nalog.cooldown_sec, 0, probe_lease)))
    return FailoverProvider(order, limiter, observer, clock)


@contextmanager
def open_lookups(store: Store, provider: Providers, lifetimes: Lifetimes, observer: Observer) -> Iterator[Lookups]:
    """Lookups, until the context ends with its pending saves made. Close the runner before."""
    clock = SystemClock()
    with closing(CachingStore(store, clock, observer)) as answers:
        runner = LookupRunner(answers, Ports(answers, provider, clock, lifetimes), THREADS, observer)
        checks = {"store": store_check(store.ping), "providers": provider_check(provider.states)}
        yield Lookups(runner, checks)
