"""The tax service's pages, form fields and request headers (fns-protocol.md, 1 and 4)."""

from datetime import date

from adapters.config.settings import NalogSettings
from adapters.providers.http_client import SiteClient, without_page
from function import documents
from function.request import LookupRequest

TWO_STEP = "/inn-new-proc.json"
TWO_STEP_OLD = "/inn-new-proc.do"
LEGACY = "/inn-proc.do"
FORM_PAGE = "/inn.do"
FORM_NAME = "frmInn"  # the name of the form on that page, by which the page is recognized
CONSENT_PAGE = "/static/personal-data.html"
CONSENT_QUERY = {"svc": "inn", "from": FORM_PAGE}
CONSENT = "/static/personal-data-proc.json"

WIRE_NAMES = {
    "fam": "lastName",
    "nam": "firstName",
    "otch": "middleName",
    "opt_otch": "middleName",
    "bdate": "birthDate",
    "bplace": "birthPlace",
    "doctype": "documentType",
    "docno": "documentNumber",
    "docdt": "documentDate",
}
"""The client's name of each field of the form, where series and number are one field."""

NO_CAPTCHA = {"captcha": "", "captchaToken": ""}  # the form always sends these fields; we never solve captchas

_HOME = "https://service.nalog.ru"
_PAGES = (TWO_STEP, TWO_STEP_OLD, LEGACY, FORM_PAGE)


def two_step_page(url: str) -> str:
    """The page for find and get: the one in the address, else the default."""
    return TWO_STEP_OLD if url.rstrip("/").endswith(TWO_STEP_OLD) else TWO_STEP


def client(settings: NalogSettings) -> SiteClient:
    """A client that sends a browser's headers. Raises OSError if the CA bundle cannot be read."""
    return SiteClient(
        # Older settings include the page.
        without_page(settings.url, _PAGES),
        timeout=settings.timeout_sec,
        headers={
            "Accept": "application/json, text/javascript, */*; q=0.01",
            "X-Requested-With": "XMLHttpRequest",
            "Origin": _HOME,
            "Referer": _HOME + FORM_PAGE,
            "User-Agent": settings.user_agent,
        },
        proxy=settings.proxy_url,
        ca_bundle=settings.ca_bundle,
        retries=settings.retries,
        wait=settings.wait_sec,
    )


def person_fields(request: LookupRequest) -> dict[str, str]:
    """The fields of the person, without those of a captcha."""
    patronymic = {"otch": request.middle_name} if request.middle_name else {"opt_otch": "1"}
    return {
        "fam": request.last_name,
        "nam": request.first_name,
        **patronymic,
        "bdate": _day(request.birth_date),
        "doctype": request.document_type,
        "docno": document(request),
        "docdt": _day(request.document_date) if request.document_date else "",
    }


def document(request: LookupRequest) -> str:
    """Series and number as one text: `NN NN NNNNNN` for a passport, `R-ББ NNNNNN` for older papers."""
    serial = request.document_serial
    if request.document_type == documents.PASSPORT:
        serial = f"{serial[:2]} {serial[2:]}"
    return f"{serial} {request.document_number}".strip()


def _day(day: date) -> str:
    return day.strftime("%d.%m.%Y")
