"""The providers of a deployment, from its settings: the tax service at its pace, then the paid one."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.providers import Manners, Providers, apifns, nalog
from adapters.providers.nalog.exchange import Exchange
from adapters.providers.nalog.pools import Site
from function.rate_limit import Pace, ProviderBook, Upstream
from function.telemetry import Observer

THREADS = 32
"""Lookups of one process that ask a provider at the same time; its pools of connections are as large."""
STORE_CALLS = 5
"""Calls to the store that one fetch makes at the most between its claim and its end."""
PROBE_MARGIN_SEC = 10.0
"""Over the time limit of a lookup, before a probe of a provider counts as lost."""


class Asking(NamedTuple):
    """Who is asked, and how patiently.

    `patience`: seconds that a request may wait for its turn; `store_call`: seconds that one call to the
    store may take.
    """

    nalog: NalogSettings
    apifns: ApiFnsSettings
    patience: float
    store_call: float = 1

    @property
    def lease(self) -> float:
        """Seconds after which a claim is anybody's: whoever still held it has died, for no fetch takes so long."""
        fetch = self.patience + self.nalog.timeout_sec
        # The paid provider may be asked after the tax service, for as long again.
        return fetch * (2 if self.apifns.enabled else 1) + STORE_CALLS * self.store_call


@contextmanager
def providers(asking: Asking, book: ProviderBook, observer: Observer) -> Iterator[Providers]:
    """Whom a lookup asks, in order. Nothing is sent yet."""
    with ExitStack() as stack:
        tax_service = stack.enter_context(closing(nalog.connect(nalog_config(asking.nalog))))
        order: list[tuple[Upstream, Pace]] = [(tax_service, _pace(asking.nalog))]
        if asking.apifns.enabled:
            site = Site(url=apifns.root_of(asking.apifns.url), connections=THREADS)
            web = stack.enter_context(closing(Exchange(site)))
            order.append(
                (apifns.ApiFns(web, asking.apifns.key.get_secret_value(), asking.nalog.timeout_sec), _paid_pace(asking))
            )
        yield Providers(order, book, observer, Manners(asking.patience))


def _pace(settings: NalogSettings) -> Pace:
    return Pace(
        min_interval=settings.min_interval_sec,
        cooldown=settings.cooldown_sec,
        daily_limit=settings.daily_limit,
        probe_lease=_probe_lease(settings),
    )


def _paid_pace(asking: Asking) -> Pace:
    # Who is paid for each request asks for no pace; what it turns away is left alone as the tax service is.
    return Pace(0, asking.nalog.cooldown_sec, 0, _probe_lease(asking.nalog))


def _probe_lease(settings: NalogSettings) -> float:
    return settings.timeout_sec + PROBE_MARGIN_SEC


def nalog_config(settings: NalogSettings) -> nalog.NalogConfig:
    """How the tax service is asked."""
    return nalog.NalogConfig(
        url=settings.url,
        protocol=settings.protocol,
        timeout=settings.timeout_sec,
        retries=settings.retries,
        wait=settings.wait_sec,
        proxy=settings.proxy.get_secret_value(),
        ca_bundle=settings.ca_bundle,
        user_agent=settings.user_agent,
        consent=settings.consent,
        connections=THREADS,
    )
