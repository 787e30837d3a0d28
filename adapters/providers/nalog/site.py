"""Where the tax service's pages are, and the headers that a browser sends to them."""

from urllib.parse import urlsplit

from adapters.providers.nalog.config import NalogConfig
from adapters.providers.nalog.exchange import Exchange
from adapters.providers.nalog.pools import Site

TWO_STEP = "/inn-new-proc.json"
TWO_STEP_OLD = "/inn-new-proc.do"
LEGACY = "/inn-proc.do"
FORM_PAGE = "/inn.do"
CONSENT = "/static/personal-data-proc.json"

_HOME = "https://service.nalog.ru"
_PAGES = (TWO_STEP, TWO_STEP_OLD, LEGACY, FORM_PAGE)


def root_of(url: str) -> str:
    """The address without the page that older settings have at its end, and without a slash."""
    bare = url.rstrip("/")
    for page in _PAGES:
        if urlsplit(bare).path.endswith(page):
            return bare.removesuffix(page)
    return bare


def two_step_page(url: str) -> str:
    """The page that answers find and get: the one that the address names, else the usual one."""
    return TWO_STEP_OLD if url.rstrip("/").endswith(TWO_STEP_OLD) else TWO_STEP


def exchange(config: NalogConfig) -> Exchange:
    """Requests to the site, as a browser's form makes them."""
    return Exchange(of(config))


def of(config: NalogConfig) -> Site:
    """The site, and the way to it."""
    return Site(
        url=root_of(config.url),
        headers={
            "Accept": "application/json, text/javascript, */*; q=0.01",
            "X-Requested-With": "XMLHttpRequest",
            "Origin": _HOME,
            "Referer": _HOME + FORM_PAGE,
            "User-Agent": config.user_agent,
        },
        proxy=config.proxy,
        ca_bundle=config.ca_bundle,
        connections=config.connections,
    )
