"""The tax service as a provider: each call is one request, in the configured protocol (fns-protocol.md, 1, 2, 4)."""

from datetime import timedelta

from adapters.config.settings import NalogSettings
from adapters.providers.http_client import SiteClient, without_page
from adapters.providers.nalog import replies
from adapters.providers.nalog.replies import NAME
from adapters.providers.nalog.session_and_consent import FORM_PAGE, SiteSession
from function import documents
from function.outcomes import Reason
from function.ports import Clock, Invalid, Pending, ProviderReply, Ticket, Unavailable
from function.request import LookupRequest
from function.telemetry import Observer

TICKET_LIFE = timedelta(seconds=180)  # the site's own page stops polling after this time
MAX_WAIT = 60  # longest wait between two polls, in units of `poll_wait`; it grows by one unit a poll
MAX_REFUSALS = 3  # polls that may fail with an unknown requestId; after one more the ticket is dropped

_TWO_STEP = "/inn-new-proc.json"
_TWO_STEP_OLD = "/inn-new-proc.do"
_LEGACY = "/inn-proc.do"
_PAGES = (_TWO_STEP, _TWO_STEP_OLD, _LEGACY, FORM_PAGE)
_HOME = "https://service.nalog.ru"


class Nalog:
    """A thread-safe Provider. `poll_wait`: seconds between a find and the first poll."""

    name = NAME

    def __init__(self, settings: NalogSettings, clock: Clock, observer: Observer, poll_wait: float = 1) -> None:
        self._clock = clock
        self._poll_wait = poll_wait
        self._legacy = settings.protocol == "legacy"
        # The page for find and get: the one in the address, else the default.
        self._page = _TWO_STEP_OLD if settings.url.rstrip("/").endswith(_TWO_STEP_OLD) else _TWO_STEP
        self._session = SiteSession(site_client(settings), observer, consent=settings.consent)

    def serves(self, request: LookupRequest) -> bool:
        """True: it serves every document type."""
        return True

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        """Poll with a ticket, else find the person. See Provider."""
        if self._legacy:
            form = {"c": "innMy", **person_fields(request), "bplace": ""}
            return self._session.send(_LEGACY, form, replies.legacy_reply)
        if ticket is not None:
            return self._poll(ticket)
        form = {"c": "find", **person_fields(request)}
        reply = self._session.send(self._page, form, replies.parse_find_reply)
        if isinstance(reply, Invalid):
            return ProviderReply(reply)
        request_id, captcha_ahead = reply
        ticket = Ticket(NAME, request_id, self._clock.now() + TICKET_LIFE)
        return ProviderReply(Pending(ticket, self._poll_wait), captcha_ahead)

    def _poll(self, ticket: Ticket) -> ProviderReply:
        try:
            reply = self._session.send(self._page, {"c": "get", "requestId": ticket.value}, replies.parse_get_reply)
        except replies.NoResult:
            raise
        except Unavailable as error:
            # A failed poll does not invalidate the find.
            refusals = ticket.refusals + isinstance(error, replies.UnknownRequestId)
            pending = self._pending(ticket._replace(refusals=refusals), error.retry_after)
            captcha_ahead = isinstance(error, replies.CaptchaRequired)
            return ProviderReply(pending, captcha_ahead=captcha_ahead, failure=error.reason)
        return reply or ProviderReply(self._pending(ticket))

    def _pending(self, ticket: Ticket, at_least: float = 0) -> Pending:
        """The ticket for another poll. Raises Unavailable if it expires before that, or was refused too often."""
        ticket = ticket._replace(polls=ticket.polls + 1)
        wait = max(min(ticket.polls + 1, MAX_WAIT) * self._poll_wait, at_least)
        too_late = self._clock.now() + timedelta(seconds=wait) >= ticket.expires_at
        if too_late or ticket.refusals > MAX_REFUSALS:
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        return Pending(ticket, wait)


def site_client(settings: NalogSettings) -> SiteClient:
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
    """The form's fields: the person's, and those of a captcha, which are always sent and which we never solve."""
    serial = request.document_serial
    if request.document_type == documents.PASSPORT:
        serial = f"{serial[:2]} {serial[2:]}"
    return {
        "fam": request.last_name,
        "nam": request.first_name,
        **({"otch": request.middle_name} if request.middle_name else {"opt_otch": "1"}),
        "bdate": f"{request.birth_date:%d.%m.%Y}",
        "doctype": request.document_type,
        "docno": f"{serial} {request.document_number}".strip(),  # `NN NN NNNNNN`, `R-ББ NNNNNN` for older papers
        "docdt": f"{request.document_date:%d.%m.%Y}" if request.document_date else "",
        "captcha": "",
        "captchaToken": "",
    }
