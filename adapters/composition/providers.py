"""Builds the providers from settings: the tax service, then the paid one."""

from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.providers import FailoverProvider
from adapters.providers.apifns import ApiFns
from adapters.providers.nalog.provider import Nalog
from adapters.runtime.clock import SystemClock
from function.ports import Provider
from function.rate_limit import RateLimit, RateLimiter
from function.telemetry import Observer

THREADS = 32
"""Concurrent fetches of one process."""
PROBE_MARGIN_SEC = 10.0
"""Added to the timeout of one exchange: after both, a probe of a provider counts as lost."""


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
