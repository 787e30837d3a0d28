"""The tax service's client as tests make it, an invented person as a request to it, and how what it is asked ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from adapters.config.settings import NalogSettings
from adapters.providers.nalog.provider import Nalog
from function.outcomes import Reason
from function.ports import Clock, Pending, ProviderReply, Throttled, Unavailable
from function.request import LookupRequest
from function.telemetry import Observer
from tests import doubles
from tests.doubles import FixedClock

T = TypeVar("T")


class No(NamedTuple):
    """An ending by Unavailable; `throttled`: it is a Throttled one."""

    reason: Reason
    retry_after: float = 0
    throttled: bool = False


LATER = No(Reason.PROVIDER_UNAVAILABLE)
BAD = No(Reason.BAD_REPLY)
CLOSED = No(Reason.PROVIDER_CLOSED, 1)


def throttled(retry_after: float = 0) -> No:
    return No(Reason.THROTTLED, retry_after, throttled=True)


THROTTLED = throttled()


def ending(call: Callable[..., T], *arguments: object) -> T | No:
    """What a provider's call returns, or how it fails."""
    try:
        return call(*arguments)
    except Unavailable as no:
        return No(no.reason, no.retry_after, isinstance(no, Throttled))


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


def request(**changed: object) -> LookupRequest:
    """A person with every field of the tax service's form."""
    person = {
        "lastName": "Выдуманный",
        "middleName": "Ильич",
        "birthDate": "1980-02-03",
        "documentSerial": "0102",
        "documentNumber": "000304",
        "documentDate": "2001-12-31",
    }
    return doubles.request(**person | changed)
