"""The whole story of a lookup on one page: validate, look in the cache, claim, fetch, store.

Nothing here sleeps, retries or logs; whoever calls decides what to do about `Deferred` and `InProgress`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from function import inn
from function.contract import Event, LookupRequest, parse
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected, Status
from function.ports import Claim, Clock, Invalid, Ports, Unavailable, Verdict
from function.view import Elsewhere, InHand

# Where the day begins first in Russia (Kamchatka, UTC+12): who is born there today is not in the future.
_FIRST_DAY_OFFSET = timedelta(hours=12)


def handle(event: Event, ports: Ports) -> Outcome:
    """Answer one request."""
    request = read(event, ports)
    if isinstance(request, Rejected):
        return request
    return _looked_up(request, ports)


def handle_missed(event: Event, ports: Ports) -> Outcome:
    """Answer one request that was not in the cache a moment ago: one read less, for the claim looks there too."""
    request = read(event, ports)
    return request if isinstance(request, Rejected) else _claimed(request, ports)


def handle_waiting(events: Sequence[Event], ports: Ports) -> list[Outcome]:
    """Answer what the cache can of events that wait together, in order, with one round trip to the store.

    Who is not known is `Deferred(NOT_HERE)`; the provider is not asked, nobody is claimed. A host that
    must not block makes the same of `read`, `at_hand`, and `from_cache` for what is left, in a thread.
    """
    requests = [read(event, ports) for event in events]
    outcomes = [at_hand(request, ports) for request in requests]
    return filled(outcomes, from_cache(left(requests, outcomes), ports))


def read(event: Event, ports: Ports) -> LookupRequest | Rejected:
    """The request in an event, or all that is wrong with it."""
    return parse(event, _today(ports.clock))


def at_hand(request: LookupRequest | Rejected, ports: Ports) -> Outcome | None:
    """How a request ends of which all is known here and now; None: the store has to be asked."""
    return request if isinstance(request, Rejected) else recalled(request, ports)


def recalled(request: LookupRequest, ports: Ports) -> Answered | None:
    """The answer, where this process has met the person a moment ago."""
    known = ports.memory.recall(request.person)
    return None if known is None else Answered(request, known, cached=True)


def left(requests: Sequence[LookupRequest | Rejected], outcomes: Sequence[Outcome | None]) -> list[LookupRequest]:
    """The requests that have no outcome yet."""
    return [
        request
        for request, outcome in zip(requests, outcomes, strict=True)
        if outcome is None and isinstance(request, LookupRequest)
    ]


def filled(outcomes: Sequence[Outcome | None], more: Sequence[Outcome]) -> list[Outcome]:
    """All outcomes, `more` in the place of those that were missing."""
    rest = iter(more)
    return [next(rest) if outcome is None else outcome for outcome in outcomes]


def from_cache(requests: Sequence[LookupRequest], ports: Ports) -> list[Outcome]:
    """Answer what the store alone can, in one round trip: see `handle_waiting`."""
    if not requests:
        return []
    try:
        known = ports.answers.find_many([request.person for request in requests])
    except Unavailable as no:
        return [Deferred(request, no.reason, no.retry_after) for request in requests]
    view = replace(ports, answers=InHand(known), provider=Elsewhere())
    return [_looked_up(request, view) for request in requests]


def broken(event: Event, ports: Ports) -> Outcome:
    """How a request ends that a bug kept from being handled: put off, as one that failed."""
    request = read(event, ports)
    return request if isinstance(request, Rejected) else Deferred(request, Reason.INTERNAL_ERROR)


def _looked_up(request: LookupRequest, ports: Ports) -> Outcome:
    try:
        known = ports.answers.find(request.person)
    except Unavailable as no:
        return Deferred(request, no.reason, no.retry_after)
    return _claimed(request, ports) if known is None else Answered(request, known, cached=True)


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
        # What went wrong says more than that the claim could not be given back: its lease ends by itself.
        with suppress(Unavailable):
            ports.answers.release(claim)
        raise
    match verdict:
        case Invalid(errors):
            ports.answers.release(claim)
            return Rejected(request.request_id, errors)
        case Verdict(Status.FOUND, number) if not inn.is_valid(number):
            ports.answers.release(claim)
            return Deferred(request, Reason.BAD_REPLY)
        case Verdict():
            answer = _answer(verdict, ports)
            ports.answers.save(claim, request, answer)
            return Answered(request, answer, cached=False)
        case _:
            assert_never(verdict)


def _answer(verdict: Verdict, ports: Ports) -> Answer:
    now = ports.clock.now()
    return Answer(verdict.status, verdict.inn, verdict.provider, now, ports.lifetimes.expiry(verdict.status, now))


def _today(clock: Clock) -> date:
    return (clock.now() + _FIRST_DAY_OFFSET).date()
