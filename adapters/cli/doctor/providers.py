"""Checks the providers: whether each may be asked, the tax service's page, and the paid requests that are left."""

import socket
from collections.abc import Iterator
from http import HTTPStatus
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions

from adapters.cli.doctor import Finding, Settings
from adapters.cli.errors import Failure
from adapters.cli.http_client import cause_of
from adapters.composition.providers import build_provider
from adapters.config.host_names import is_loopback
from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.providers.apifns import ApiFns
from adapters.providers.http_client import MAX_BYTES, SiteReply, pool_manager
from adapters.providers.nalog import site
from adapters.providers.nalog.replies import is_maintenance
from adapters.providers.nalog.session_and_consent import SETTING as CONSENT_SETTING
from adapters.providers.nalog.session_and_consent import asks_consent
from function.outcomes import Reason
from function.ports import Throttled, Unavailable
from function.rate_limit import DenialReason, RateLimiter
from function.telemetry import Observer

TAX_SERVICE = "tax service"
PAID = "paid service"
LIMIT_SEC = 15.0
REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
RESOLVING_PROXIES = {"socks5": "socks5h", "socks4": "socks4a"}
"""The scheme by which a SOCKS proxy looks the site's name up itself."""
CONSENT_WANTED = f"set {CONSENT_SETTING}=true if you, its operator, agree"

_CAUSES = {
    DenialReason.COOLING_DOWN: "it wanted a captcha, or said that it was asked too often; CLIENT_NALOG_COOLDOWN_SEC",
    DenialReason.DAILY_LIMIT: "the day's limit is used up; CLIENT_NALOG_DAILY_LIMIT",
    DenialReason.HALF_OPEN: "one request tries whether it answers again",
    DenialReason.PACED: "another request is before",
}
_CONNECTION_FAULTS = {
    SSLCertVerificationError: "its certificate is not trusted: name the file of who signed it in CLIENT_NALOG_CA_BUNDLE",
    exceptions.ProxyError: "the proxy does not let us through, or is not there: mend CLIENT_NALOG_PROXY",
    exceptions.NameResolutionError: "its name is not known: mend CLIENT_NALOG_URL, or this machine's DNS",
    exceptions.NewConnectionError: "nothing listens there: mend CLIENT_NALOG_URL, or set CLIENT_NALOG_PROXY",
    exceptions.ConnectTimeoutError: "no connection in time: is a firewall between? CLIENT_NALOG_PROXY leads around it",
    exceptions.SSLError: "no TLS connection: is it https there? Mend CLIENT_NALOG_URL",
    exceptions.ReadTimeoutError: "it took the request and does not answer: it may be down, try again later",
    exceptions.HTTPError: "the connection broke: try again later; is it HTTP that is spoken there (CLIENT_NALOG_URL)?",
}


def check_states(nalog: NalogSettings, apifns: ApiFnsSettings, limiter: RateLimiter) -> Iterator[Finding]:
    """Check each provider's shared state: circuit and daily limit."""
    try:
        states = build_provider(nalog, apifns, limiter, Observer()).states()
    except Unavailable:
        yield "skipped", "providers", "not looked at: the store is away again"
        return
    for name, denied in states:
        if denied is None:
            yield "ok", "providers", f"{name} may be asked"
        else:
            why = f"{denied.reason.value}: {_CAUSES[denied.reason]}"
            yield "note", "providers", f"{name} is closed for {denied.retry_after:.0f} s more ({why})"


def check_paid(settings: Settings) -> Iterator[Finding]:
    """Check the quota of the paid provider, if it is enabled."""
    apifns: ApiFnsSettings = settings[ApiFnsSettings]
    if not apifns.enabled:
        return
    try:
        quota = ApiFns(apifns, LIMIT_SEC).quota()
    except Throttled:
        text = "it refuses the key, the method or this address: mend CLIENT_APIFNS_KEY, or ask the vendor"
        raise Failure(text) from None
    except Unavailable as error:
        text = "it cannot be reached: mend CLIENT_APIFNS_URL or CLIENT_APIFNS_PROXY, or try again later"
        if error.reason is Reason.BAD_REPLY:
            text = "what answers there is not the vendor's service: mend CLIENT_APIFNS_URL"
        raise Failure(text) from None
    left = quota.limit - quota.spent
    text = f"{left} of {quota.limit} requests are left"
    if left <= 0:
        raise Failure(f"{text}: pay for more, or unset CLIENT_APIFNS_ENABLED")
    yield "ok", PAID, text


def check_tax_service(settings: Settings) -> Iterator[Finding]:
    """Open the form's page. No person is looked up, and no consent given."""
    nalog: NalogSettings = settings[NalogSettings]
    if nalog.url.startswith("http:") and not is_loopback(urlsplit(nalog.url).hostname or ""):
        text = "CLIENT_NALOG_URL begins with http: personal data would travel unencrypted; take https"
        yield "note", TAX_SERVICE, text
    try:
        # By urllib3's own pools, whose errors name the cause.
        with (
            pool_manager(nalog.proxy_url, nalog.ca_bundle) as pools,
            pools.request(
                "GET",
                site.root_of(nalog.url) + site.FORM_PAGE,
                headers={"User-Agent": nalog.user_agent},
                timeout=urllib3.Timeout(LIMIT_SEC),
                retries=False,
                redirect=False,
                preload_content=False,
            ) as response,
        ):
            headers = {name.lower(): value for name, value in response.headers.items()}
            reply = SiteReply(response.status, response.read(MAX_BYTES), headers)
    except exceptions.HTTPError as error:
        raise Failure(_unknown_name(nalog) or cause_of(error, _CONNECTION_FAULTS)) from None
    yield "ok", TAX_SERVICE, f"reached; {_form_of(reply, consent=nalog.consent)}"


def _form_of(reply: SiteReply, *, consent: bool) -> str:
    """The way to the form. Raises Failure where there is none, with the remedy."""
    status = reply.status
    if asks_consent(reply):
        if consent:
            return "it asks for consent, which lookups give"
        raise Failure(f"reached; it asks for consent to the processing of personal data: {CONSENT_WANTED}")
    if is_maintenance(reply):
        raise Failure("reached, but it is under maintenance: try again later")
    if status == HTTPStatus.OK and site.FORM_NAME in reply.text:
        return "its form's page was given"
    if status in REFUSALS:
        wanted = f"; where it wants consent, {CONSENT_WANTED}" if status == HTTPStatus.FORBIDDEN and not consent else ""
        text = f"reached, but it turns this address away ({status}): wait, or set CLIENT_NALOG_PROXY"
        raise Failure(text + wanted)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Failure(f"reached, but it has a fault of its own ({status}): try again later")
    raise Failure(f"what answers has no such form ({status}): mend CLIENT_NALOG_URL")


def _unknown_name(settings: NalogSettings) -> str:
    """A hint that the SOCKS proxy should resolve the site's name; "" if that is not the cause."""
    scheme = urlsplit(settings.proxy_url).scheme
    if scheme not in RESOLVING_PROXIES:
        return ""
    try:
        socket.getaddrinfo(urlsplit(settings.url).hostname, None)
    except OSError:
        better = RESOLVING_PROXIES[scheme]
        return f"its name is not known here: write {better}:// in CLIENT_NALOG_PROXY, and the proxy looks it up"
    return ""
