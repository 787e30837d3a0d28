"""The tax service's client as tests make it."""

from datetime import timedelta
from typing import Any

from adapters.config.settings import NalogSettings
from adapters.providers.nalog import Nalog
from function.ports import Clock, Pending, ProviderReply, Ticket
from function.request import LookupRequest
from function.telemetry import Observer
from tests.doubles import NOW, FixedClock

TICKET = Ticket("nalog", "0A1B2C", NOW + timedelta(seconds=180))
"""Of a find that was made a moment ago."""


def nalog(url: str, clock: Clock | None = None, observer: Observer | None = None, **settings: Any) -> Nalog:
    """The client with these settings; it makes no second try unless they say so, and its time stands still."""
    return Nalog(
        NalogSettings(url=url, **{"retries": 0, "wait_sec": 0, **settings}),
        clock or FixedClock(),
        observer or Observer(),
    )


def looked_up(client: Nalog, request: LookupRequest, clock: FixedClock | None = None) -> ProviderReply:
    """A find and its polls, each made when it is due by this clock, until there is an answer."""
    reply = client.ask(request, None)
    captcha_ahead = reply.captcha_ahead
    while isinstance(reply.answer, Pending):
        if clock is not None:
            clock.time += timedelta(seconds=reply.answer.retry_after)
        reply = client.ask(request, reply.answer.ticket)
    return reply._replace(captcha_ahead=captcha_ahead or reply.captcha_ahead)
