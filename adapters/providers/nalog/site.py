"""Where the tax service's pages are, and the headers that a browser sends to them."""

from urllib.parse import urlsplit

from adapters.config.settings import NalogSettings
from adapters.providers.http_client import SiteClient

TWO_STEP = "/inn-new-proc.json"
TWO_STEP_OLD = "/inn-new-proc.do"
LEGACY = "/inn-proc.do"
FORM_PAGE = "/inn.do"
FORM_NAME = "frmInn"
"""Of the form on that page; a page without it is another one."""
CONSENT_PAGE = "/static/personal-data.html"
CONSENT_QUERY = {"svc": "inn", "from": FORM_PAGE}
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


def client(settings: NalogSettings) -> SiteClient:
    """Requests to the site, as a browser's form makes them. Raises OSError where the CA bundle cannot be read."""
    return SiteClient(
        root_of(settings.url),
        timeout=settings.timeout_sec,
        headers={
            "Accept": "application/json, text/javascript, */*; q=0.01",
            "X-Requested-With": "XMLHttpRequest",
            "Origin": _HOME,
            "Referer": _HOME + FORM_PAGE,
            "User-Agent": settings.user_agent,
        },
        proxy=settings.proxy.get_secret_value(),
        ca_bundle=settings.ca_bundle,
        retries=settings.retries,
        wait=settings.wait_sec,
    )
