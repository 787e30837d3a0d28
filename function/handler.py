"""The steps of a lookup: validate, look in the cache, claim, fetch, store.

All hosts run `handle`, with their own ports and threads. It never sleeps, retries or logs.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import assert_never

from function import inn
from function.event import Event
from function.outcomes import Answer, Answered, Deferred, InProgress, Outcome, Reason, Rejected, Status
from function.person import Person
from function.ports import Answers, Claim, Invalid, Pending, Ports, Unavailable, Verdict
from function.request import LookupRequest


def handle(event: Event, ports: Ports) -> Outcome:
    """Answer one request, or return why it can't be answered now."""
    request = event.request(ports.clock)
    if isinstance(request, Rejected):
        return request
    try:
        known = ports.answers.find_or_claim(request.person)
        match known:
            case Answer():
                return Answered(request, known, cached=True)
            case Claim():
                return _fetch_and_save(request, known, ports)
            case None:
                return InProgress(request)
            case _:
                assert_never(known)
    except Unavailable as error:
        return Deferred(request, error.reason, error.retry_after)


class PrefetchedAnswers:
    """Answers that have been read already, for a cached attempt: `find_or_claim` does no I/O and makes no claim.

    For a missing person it raises `Unavailable`: NOT_CACHED, unless the store could not be read (`missing`).
    """

    def __init__(self, store: Answers, known: Mapping[Person, Answer], missing: Unavailable | None = None) -> None:
        self._known = known
        self._missing = (missing.reason, missing.retry_after) if missing else (Reason.NOT_CACHED, 0)
        self.keep_ticket, self.release, self.save = store.keep_ticket, store.release, store.save

    def find_or_claim(self, person: Person) -> Answer:
        """The answer. Raises Unavailable."""
        answer = self._known.get(person)
        if answer is None:
            raise Unavailable(*self._missing)
        return answer


def _fetch_and_save(request: LookupRequest, claim: Claim, ports: Ports) -> Outcome:
    """Ask the provider and store its answer or ticket. Every failure releases the claim."""
    without_ticket = claim._replace(ticket=None)
    try:
        reply = ports.provider.ask(request, claim.ticket)
    except Unavailable:
        _release(without_ticket, ports)
        raise
    except BaseException:
        # A bug, or the end of the process: the ticket is still valid.
        _release(claim, ports)
        raise
    match reply:
        case Pending(ticket, wait):
            ports.answers.keep_ticket(claim, ticket, wait)
            return Deferred(request, Reason.PENDING, wait)
        case Invalid(errors):
            _release(without_ticket, ports)
            return Rejected(request.request_id, errors)
        case Verdict(Status.FOUND, number) if not inn.is_valid(number):
            _release(without_ticket, ports)
            return Deferred(request, Reason.BAD_REPLY)
        case Verdict(status, number, provider):
            now = ports.clock.now()
            answer = Answer(status, number, provider, now, ports.lifetimes.expiry(status, now))
            ports.answers.save(claim, request, answer)
            return Answered(request, answer, cached=False)
        case _:
            assert_never(reply)


def _release(claim: Claim, ports: Ports) -> None:
    # The request's outcome matters more than a failed release: the lease ends by itself.
    with suppress(Unavailable):
        ports.answers.release(claim)
