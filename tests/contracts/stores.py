"""A store in a test's hands, and time that passes when the test says so."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from function.history import Archive
from function.outcomes import Answer, Status
from function.ports import AnswerStore, Claim
from function.rate_limit import RateLimiter
from function.request import LookupRequest
from tests import doubles
from tests.doubles import INN

Result = TypeVar("Result")

LEASE = 60
"""Seconds that a claim lasts in the store of a contract's test."""


class Store(AnswerStore, RateLimiter, Archive, Protocol):
    """All three faces."""


@dataclass(frozen=True)
class Kept:
    """`later` lets seconds pass for all that the store keeps; `started` is its time at first, in milliseconds."""

    store: Store
    later: Callable[[float], None]
    started: datetime

    def answer(self, status: Status = Status.FOUND, *, age: float = 0, lasts: float | None = 3600) -> Answer:
        """An answer that was fetched `age` seconds ago and is good for `lasts` seconds from then."""
        fetched = self.started - timedelta(seconds=age)
        inn = INN if status is Status.FOUND else ""
        return Answer(status, inn, "nalog", fetched, None if lasts is None else fetched + timedelta(seconds=lasts))

    def claimed(self, request: LookupRequest) -> Claim:
        """The right to fetch this person, which must be free."""
        claim = self.store.claim(request.person)
        assert isinstance(claim, Claim)
        return claim

    def save(self, request: LookupRequest, answer: Answer) -> None:
        """Save it under a claim that was won."""
        self.store.save(self.claimed(request), request, answer)


def request(number: int = 1, **changes: object) -> LookupRequest:
    """An invented person's request; another number, another person."""
    return doubles.request(**{"requestId": f"r-{number}", "documentNumber": f"{100000 + number}", **changes})


def at_once(work: Callable[[int], Result], times: int, threads: int = 16) -> Sequence[Result]:
    """The results of `work(0)`, `work(1)`... done by several threads together."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(times)))
