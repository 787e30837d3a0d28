"""The tax service's current protocol: a find, then gets until there is an answer (fns-protocol.md, 1)."""

from itertools import count

from adapters.providers.nalog import site
from adapters.providers.nalog.config import NalogConfig
from adapters.providers.nalog.conversation import Conversation, Timing
from adapters.providers.nalog.forms import NO_CAPTCHA, person_fields
from adapters.providers.nalog.refusals import Stranger
from adapters.providers.nalog.replies import NAME, Poll, Ticket, find_reply, get_reply
from adapters.providers.nalog.session import Session
from function.outcomes import Reason
from function.ports import Invalid, Unavailable
from function.rate_limit import Again, Reply, Throttled
from function.request import LookupRequest

MAX_POLL_SEC = 180.0
"""After so long the site's own page gives up."""
MAX_UNKNOWN = 3
"""Polls in which the service may not know its own request id before there is a new find."""


class TwoStep:
    """An Upstream, for any number of threads."""

    name = NAME

    def __init__(self, config: NalogConfig, timing: Timing | None = None) -> None:
        self._config = config
        self._timing = timing or Timing()
        self._page = site.two_step_page(config.url)
        self._exchange = site.exchange(config)
        self._session = Session(self._exchange, consent=config.consent)

    def serves(self, request: LookupRequest) -> bool:
        """Everybody."""
        return True

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        """Ask for one person, within the time limit."""
        talk = Conversation(self._exchange, self._config, self._timing, again)
        session = self._session.open(talk)
        try:
            return self._looked_up(request, talk)
        except (Throttled, Stranger):
            self._session.forget(session)
            raise

    def close(self) -> None:
        """Close idle connections."""
        self._exchange.close()

    def _looked_up(self, request: LookupRequest, talk: Conversation) -> Reply:
        form = {"c": "find", **person_fields(request), **NO_CAPTCHA}
        reply = self._found(form, talk)
        if reply is None:
            talk.another_turn()
            reply = self._found(form, talk)
        if reply is None:
            raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
        return reply

    def _found(self, form: dict[str, str], talk: Conversation) -> Reply | None:
        """One find and its polls. None: the service has lost it."""
        ticket = find_reply(talk.find(self._page, form))
        if isinstance(ticket, Invalid):
            return Reply(ticket)
        if not ticket.captcha_ahead:
            return self._polled(ticket, talk)
        try:
            reply = self._polled(ticket, talk)
        except Unavailable as no:
            raise Throttled(no.retry_after) from None
        if reply is None:
            raise Throttled
        return Reply(reply.said, cool=True)

    def _polled(self, ticket: Ticket, talk: Conversation) -> Reply | None:
        talk.narrow(MAX_POLL_SEC)
        unknown = 0
        for wait in count():
            talk.rest(wait * self._config.poll_wait)
            reply = get_reply(talk.post(self._page, {"c": "get", "requestId": ticket.request_id}))
            if isinstance(reply, Reply):
                return reply
            if reply is Poll.UNKNOWN_ID:
                unknown += 1
            if unknown > MAX_UNKNOWN:
                break
        return None
