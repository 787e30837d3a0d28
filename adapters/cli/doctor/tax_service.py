"""The tax service: whether its form's page can be had, through the proxy and with the trust that lookups have."""

from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions

from adapters.cli.doctor.finding import Finding, Kind
from adapters.providers.nalog import quiet, site
from adapters.providers.nalog.config import NalogConfig
from adapters.providers.nalog.pools import manager

NAME = "tax service"
LIMIT_SEC = 15.0
TURNED_AWAY = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# The first that fits speaks.
_WHY = (
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


def check(config: NalogConfig) -> Iterator[Finding]:
    """How it stands."""
    if config.url.startswith("http:") and urlsplit(config.url).hostname not in LOOPBACK:
        text = "CLIENT_NALOG_URL begins with http: personal data would travel unencrypted; take https"
        yield Finding(Kind.NOTE, NAME, text)
    quiet.silence_urls()
    with closing(_Pools(manager(site.of(config)))) as pools:
        try:
            status = pools.get(site.root_of(config.url) + site.FORM_PAGE)
        except exceptions.HTTPError as exc:
            yield Finding(Kind.FAILED, NAME, _why(exc))
            return
    yield _of(status)


class _Pools:
    """The pools of connections, for one request."""

    def __init__(self, pools: urllib3.PoolManager) -> None:
        self._pools = pools
        self.close = pools.clear

    def get(self, url: str) -> int:
        """The status of a page."""
        timeout = urllib3.Timeout(LIMIT_SEC)
        response = self._pools.urlopen(
            "GET", url, timeout=timeout, retries=False, redirect=False, preload_content=False
        )
        response.close()
        return response.status


def _of(status: int) -> Finding:
    if status == HTTPStatus.OK:
        return Finding(Kind.OK, NAME, "reached; its form's page was given")
    if status in TURNED_AWAY:
        text = f"reached, but it turns this address away ({status}): wait, or set CLIENT_NALOG_PROXY"
        return Finding(Kind.FAILED, NAME, text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Finding(Kind.FAILED, NAME, f"reached, but it has a fault of its own ({status}): try again later")
    return Finding(Kind.FAILED, NAME, f"what answers has no such form ({status}): mend CLIENT_NALOG_URL")


def _why(exc: exceptions.HTTPError) -> str:
    cause = exc.original_error if isinstance(exc, exceptions.ProxyError) else exc
    if cause.args and isinstance(cause.args[0], SSLCertVerificationError):
        return "its certificate is not trusted: name the file of who signed it in CLIENT_NALOG_CA_BUNDLE"
    return next(words for kind, words in _WHY if isinstance(exc, kind))
