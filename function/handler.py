"""The whole story of a lookup on one page: validate, look in the cache, claim, fetch, store.

Nothing here sleeps, retries or logs; whoever calls decides what to do about `Deferred` and `InProgress`.
"""

from contextlib import suppress
from datetime import date, timedelta
from typing import assert_never

from function import inn
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected, Status
from function.ports import Claim, Clock, Invalid, Ports, Unavailable, Verdict
from function.request import Event, LookupRequest, parse

# Where the day begins first in Russia (Kamchatka, UTC+12): who is born there today is not in the future.
_FIRST_DAY_OFFSET = timedelta(hours=12)


def handle(event: Event, ports: Ports) -> Outcome:
    """Answer one request."""
    request = read(event, ports)
    if isinstance(request, Rejected):
        return request
    try:
        known = ports.answers.find(request.person)
    except Unavailable as no:
        return Deferred(request, no.reason, no.retry_after)
    return _claimed(request, ports) if known is None else Answered(request, known, cached=True)


def handle_missed(event: Event, ports: Ports) -> Outcome:
    """Answer one request that was not in the cache a moment ago: one read less, for the claim looks there too."""
    request = read(event, ports)
    return request if isinstance(request, Rejected) else _claimed(request, ports)


def read(event: Event, ports: Ports) -> LookupRequest | Rejected:
    """The request in an event, or all that is wrong with it."""
    return parse(event, _today(ports.clock))


def broken(event: Event, ports: Ports) -> Outcome:
    """How a request ends that a bug kept from being handled: put off, as one that failed."""
    request = read(event, ports)
    return request if isinstance(request, Rejected) else Deferred(request, Reason.INTERNAL_ERROR)


def _claimed(request: LookupRequest, ports: Ports) -> Outcome:
    try:
        claim = ports.answers.claim(request.person)
        match claim:
            case Answer():
                return Answered(request, claim, cached=True)
            case None:
                return InProgress(request)
            case Claim():
                return _fetched(request, claim, ports)
            case _:
                assert_never(claim)
    except Unavailable as no:
        return Deferred(request, no.reason, no.retry_after)


def _fetched(request: LookupRequest, claim: Claim, ports: Ports) -> Outcome:
    """Ask the provider and keep what it says; whatever goes wrong, the person is free to be asked for again."""
    try:
        verdict = ports.provider.ask(request)
    except BaseException:
        _let_go(claim, ports)
        raise
    match verdict:
        case Invalid(errors):
            _let_go(claim, ports)
            return Rejected(request.request_id, errors)
        case Verdict(Status.FOUND, number) if not inn.is_valid(number):
            _let_go(claim, ports)
            return Deferred(request, Reason.BAD_REPLY)
        case Verdict():
            answer = _answer(verdict, ports)
            ports.answers.save(claim, request, answer)
            return Answered(request, answer, cached=False)
        case _:
            assert_never(verdict)


def _let_go(claim: Claim, ports: Ports) -> None:
    # How the request ends says more than that the claim could not be given back: its lease ends by itself.
    with suppress(Unavailable):
        ports.answers.release(claim)


def _answer(verdict: Verdict, ports: Ports) -> Answer:
    now = ports.clock.now()
    return Answer(verdict.status, verdict.inn, verdict.provider, now, ports.lifetimes.expiry(verdict.status, now))


def _today(clock: Clock) -> date:
    return (clock.now() + _FIRST_DAY_OFFSET).date()
