"""The providers: whether each may be asked now, and how many paid requests are left."""

from collections.abc import Iterator

from adapters.cli.doctor.finding import Finding, Kind
from adapters.composition.providers import provider_of
from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.providers.apifns import ApiFns
from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import DenialReason, RateLimiter, Throttled
from function.telemetry import Observer

NAME = "providers"
PAID = "paid service"
LIMIT_SEC = 15.0

_CAUSES = {
    DenialReason.COOLING_DOWN: "it wanted a captcha, or said that it was asked too often; CLIENT_NALOG_COOLDOWN_SEC",
    DenialReason.DAILY_LIMIT: "the day's limit is used up; CLIENT_NALOG_DAILY_LIMIT",
    DenialReason.HALF_OPEN: "one request tries whether it answers again",
    DenialReason.PACED: "another request is before",
}


def check(nalog: NalogSettings, apifns: ApiFnsSettings, limiter: RateLimiter) -> Iterator[Finding]:
    """How each provider stands in the store that all replicas share."""
    try:
        states = provider_of(nalog, apifns, limiter, Observer()).states()
    except Unavailable:
        yield Finding(Kind.SKIPPED, NAME, "not looked at: the store is away again")
        return
    for name, denied in states:
        if denied is None:
            yield Finding(Kind.OK, NAME, f"{name} may be asked")
        else:
            why = f"{denied.reason.value}: {_CAUSES[denied.reason]}"
            yield Finding(Kind.NOTE, NAME, f"{name} is shut for {denied.retry_after:.0f} s more ({why})")


def check_paid(settings: ApiFnsSettings) -> Iterator[Finding]:
    """How many requests of the paid provider are left, where it is enabled."""
    if not settings.enabled:
        return
    try:
        quota = ApiFns(settings, LIMIT_SEC).quota()
    except Throttled:
        text = "it refuses the key, the method or this address: mend CLIENT_APIFNS_KEY, or ask the vendor"
        yield Finding(Kind.FAILED, PAID, text)
    except Unavailable as error:
        yield Finding(Kind.FAILED, PAID, _paid_fault(error))
    else:
        left = quota.limit - quota.spent
        text = f"{left} of {quota.limit} requests are left"
        kind = Kind.OK if left > 0 else Kind.FAILED
        yield Finding(kind, PAID, text if left > 0 else f"{text}: pay for more, or unset CLIENT_APIFNS_ENABLED")


def _paid_fault(error: Unavailable) -> str:
    if error.reason is Reason.BAD_REPLY:
        return "what answers there is not the vendor's service: mend CLIENT_APIFNS_URL"
    return "it cannot be reached: mend CLIENT_APIFNS_URL or CLIENT_APIFNS_PROXY, or try again later"
