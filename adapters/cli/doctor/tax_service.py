"""The tax service: whether its form's page is there, through the proxy and with the certificates that lookups use."""

import socket
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions

from adapters.cli.doctor.finding import Finding, Kind
from adapters.config.settings import NalogSettings
from adapters.providers.http_client import MAX_BYTES, SiteReply, pool_manager
from adapters.providers.nalog import site
from adapters.providers.nalog.replies import is_maintenance
from adapters.providers.nalog.session import SETTING as CONSENT_SETTING
from adapters.providers.nalog.session import asks_consent

NAME = "tax service"
LIMIT_SEC = 15.0
REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
RESOLVING_PROXIES = {"socks5": "socks5h", "socks4": "socks4a"}
"""The scheme by which a SOCKS proxy looks the site's name up itself."""
CONSENT_WANTED = f"set {CONSENT_SETTING}=true if you, its operator, agree"

# The first that fits is the cause.
_CAUSES = (
    (exceptions.ProxyError, "the proxy does not let us through, or is not there: mend CLIENT_NALOG_PROXY"),
    (exceptions.NameResolutionError, "its name is not known: mend CLIENT_NALOG_URL, or this machine's DNS"),
    (exceptions.NewConnectionError, "nothing listens there: mend CLIENT_NALOG_URL, or set CLIENT_NALOG_PROXY"),
    (
        exceptions.ConnectTimeoutError,
        "no connection in time: is a firewall between? CLIENT_NALOG_PROXY leads around it",
    ),
    (exceptions.SSLError, "no TLS connection: is it https there? Mend CLIENT_NALOG_URL"),
    (exceptions.ReadTimeoutError, "it took the request and does not answer: it may be down, try again later"),
    (
        exceptions.HTTPError,
        "the connection broke: try again later; is it HTTP that is spoken there (CLIENT_NALOG_URL)?",
    ),
)


def check(settings: NalogSettings) -> Iterator[Finding]:
    """Open its form's page. No person is asked for, and no consent given."""
    if settings.url.startswith("http:") and urlsplit(settings.url).hostname not in LOOPBACK:
        text = "CLIENT_NALOG_URL begins with http: personal data would travel unencrypted; take https"
        yield Finding(Kind.NOTE, NAME, text)
    try:
        reply = _form_page(settings)
    except exceptions.HTTPError as error:
        yield Finding(Kind.FAILED, NAME, _unknown_name(settings) or _cause(error))
        return
    if fault := _fault(reply, consent=settings.consent):
        yield Finding(Kind.FAILED, NAME, fault)
    else:
        given = "it asks for consent, which lookups give" if asks_consent(reply) else "its form's page was given"
        yield Finding(Kind.OK, NAME, f"reached; {given}")


def _form_page(settings: NalogSettings) -> SiteReply:
    with closing(_Pools(pool_manager(settings.proxy.get_secret_value(), settings.ca_bundle))) as pools:
        return pools.get(site.root_of(settings.url) + site.FORM_PAGE, settings.user_agent)


class _Pools:
    """urllib3's pools, for one request: its errors tell the causes apart."""

    def __init__(self, pools: urllib3.PoolManager) -> None:
        self._pools = pools
        self.close = pools.clear

    def get(self, url: str, user_agent: str) -> SiteReply:
        """A page, as much of it as is needed."""
        response = self._pools.urlopen(
            "GET",
            url,
            headers={"User-Agent": user_agent},
            timeout=urllib3.Timeout(LIMIT_SEC),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        body = response.read(MAX_BYTES)
        response.close()
        return SiteReply(response.status, body, {name.lower(): value for name, value in response.headers.items()})


def _fault(reply: SiteReply, *, consent: bool) -> str:
    """What is wrong with the form's page, and the mend; "" where nothing is."""
    status = reply.status
    if asks_consent(reply):
        return "" if consent else f"reached; it asks for consent to the processing of personal data: {CONSENT_WANTED}"
    if is_maintenance(reply):
        return "reached, but it is under maintenance: try again later"
    if status == HTTPStatus.OK and site.FORM_NAME in reply.text:
        return ""
    if status in REFUSALS:
        wait = "wait, or set CLIENT_NALOG_PROXY"
        wanted = f"; where it wants consent, {CONSENT_WANTED}" if status == HTTPStatus.FORBIDDEN and not consent else ""
        return f"reached, but it turns this address away ({status}): {wait}{wanted}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"reached, but it has a fault of its own ({status}): try again later"
    return f"what answers has no such form ({status}): mend CLIENT_NALOG_URL"


def _unknown_name(settings: NalogSettings) -> str:
    """Whether it is the site's name that a SOCKS proxy should look up, and is not told to; "": it is not."""
    scheme = urlsplit(settings.proxy.get_secret_value()).scheme
    if scheme not in RESOLVING_PROXIES:
        return ""
    try:
        socket.getaddrinfo(urlsplit(settings.url).hostname, None)
    except OSError:
        better = RESOLVING_PROXIES[scheme]
        return f"its name is not known here: write {better}:// in CLIENT_NALOG_PROXY, and the proxy looks it up"
    return ""


def _cause(error: exceptions.HTTPError) -> str:
    cause = error.original_error if isinstance(error, exceptions.ProxyError) else error
    if cause.args and isinstance(cause.args[0], SSLCertVerificationError):
        return "its certificate is not trusted: name the file of who signed it in CLIENT_NALOG_CA_BUNDLE"
    return next(words for kind, words in _CAUSES if isinstance(error, kind))
