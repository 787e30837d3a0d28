"""Who answers lookups: whether each may be asked now, and what is left of what was paid for."""

from collections.abc import Iterator
from contextlib import closing

from adapters.cli.doctor.finding import Finding, Kind
from adapters.composition.asking import Asking, providers
from adapters.config.settings import ApiFnsSettings
from adapters.mongodb import MongoStore
from adapters.providers import apifns
from adapters.providers.nalog.exchange import Exchange
from adapters.providers.nalog.pools import Site
from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import Throttled, Why
from function.telemetry import Silent

NAME = "providers"
PAID = "paid service"
LIMIT_SEC = 15.0

_MEND = {
    Why.COOLING: "it wanted a captcha, or said that it was asked too often; CLIENT_NALOG_COOLDOWN_SEC",
    Why.DAILY_LIMIT: "the day's limit is used up; CLIENT_NALOG_DAILY_LIMIT",
    Why.PROBING: "one request tries whether it answers again",
    Why.PACED: "another request is before",
}


def check(asking: Asking, store: MongoStore) -> Iterator[Finding]:
    """How each stands in the shared book."""
    try:
        with providers(asking, store, Silent()) as asked:
            states = asked.states()
    except Unavailable:
        yield Finding(Kind.SKIPPED, NAME, "not looked at: the store is away again")
    else:
        for state in states:
            if state.shut is None:
                yield Finding(Kind.OK, NAME, f"{state.name} may be asked")
            else:
                why = f"{state.shut.why.value}: {_MEND[state.shut.why]}"
                yield Finding(Kind.NOTE, NAME, f"{state.name} is shut for {state.shut.reopens_in:.0f} s more ({why})")


def check_paid(settings: ApiFnsSettings) -> Iterator[Finding]:
    """How it stands with the paid provider, where it is switched on."""
    if not settings.enabled:
        return
    with closing(Exchange(Site(url=apifns.root_of(settings.url)))) as web:
        try:
            quota = apifns.ApiFns(web, settings.key.get_secret_value(), LIMIT_SEC).quota()
        except Throttled:
            text = "it refuses the key, the method or this address: mend CLIENT_APIFNS_KEY, or ask the vendor"
            yield Finding(Kind.FAILED, PAID, text)
        except Unavailable as no:
            yield Finding(Kind.FAILED, PAID, _paid_away(no))
        else:
            left = quota.limit - quota.spent
            text = f"{left} of {quota.limit} requests are left"
            kind = Kind.OK if left > 0 else Kind.FAILED
            yield Finding(kind, PAID, text if left > 0 else f"{text}: pay for more, or unset CLIENT_APIFNS_ENABLED")


def _paid_away(no: Unavailable) -> str:
    if no.reason is Reason.BAD_REPLY:
        return "what answers there is not the vendor's service: mend CLIENT_APIFNS_URL"
    return "it cannot be reached: mend CLIENT_APIFNS_URL, or try again later"
