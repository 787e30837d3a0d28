"""Builds the providers, and the runner of lookups over any store, with the readiness checks of both."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Protocol

from adapters.answers.caching_store import CachingStore, ErasingStore
from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.http.probes import Check, CheckResult
from adapters.providers import FailoverProvider, ProviderStatus
from adapters.providers.apifns import ApiFns
from adapters.providers.nalog.provider import Nalog
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import LookupRunner
from function.ports import InnProvider, Lifetimes, Ports, Provider, Unavailable
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
def open_lookups(
    store: Store, provider: Providers, lifetimes: Lifetimes, observer: Observer
) -> Iterator[tuple[LookupRunner, dict[str, Check]]]:
    """A host's runner, to be closed before the context ends, and the readiness checks of what it uses.

    The end of the context makes the pending saves.
    """
    clock = SystemClock()
    with closing(CachingStore(store, clock, observer)) as answers:
        runner = LookupRunner(answers, Ports(answers, provider, clock, lifetimes), THREADS, observer)
        yield runner, {"store": partial(check_store, store), "providers": partial(check_providers, provider)}


async def check_store(store: Store) -> CheckResult:
    """The store is ready while its ping returns."""
    try:
        await asyncio.to_thread(store.ping)
    except Unavailable as error:
        return CheckResult(ready=False, detail=error.reason.value)
    return CheckResult(ready=True)


async def check_providers(providers: Providers) -> CheckResult:
    """Reports which providers may not be asked, and for how long. Always ready: the cache still answers."""
    try:
        found = await asyncio.to_thread(providers.states)
    except Unavailable as error:
        return CheckResult(ready=True, detail=f"unknown: {error.reason.value}")
    return CheckResult(ready=True, detail=", ".join(map(describe, found)))


def describe(status: ProviderStatus) -> str:
    """Whether a provider may be asked, and if not, why and for how long."""
    if status.denied is None:
        return f"{status.name}: open"
    return f"{status.name}: {status.denied.reason.value}, opens in {status.denied.retry_after:.0f} s"
