"""A store under test, and a clock that the test moves."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from function.history_and_erasure import HistoryStore
from function.outcomes import Answer, Status
from function.person import Person
from function.ports import AnswerStore, Claim, Ticket
from function.rate_limit import RateLimiter
from function.request import LookupRequest
from tests import doubles
from tests.doubles import INN, numbered

Result = TypeVar("Result")

LEASE = 60  # seconds that a claim lasts in the store of a contract's test
TICKET_SEC = 180
WAIT = 20  # seconds until a ticket is polled


class Store(AnswerStore, RateLimiter, HistoryStore, Protocol):
    """All ports of a store."""


@dataclass(frozen=True)
class StoreHarness:
    """`later` lets seconds pass for all that the store keeps; `started` is its time at first, in milliseconds."""

    store: Store
    later: Callable[[float], None]
    started: datetime

    def answer(self, status: Status = Status.FOUND, *, age: float = 0, lasts: float | None = 3600) -> Answer:
        """An answer that was fetched `age` seconds ago and is good for `lasts` seconds from then."""
        fetched = self.started - timedelta(seconds=age)
        inn = INN if status is Status.FOUND else ""
        return Answer(status, inn, "nalog", fetched, None if lasts is None else fetched + timedelta(seconds=lasts))

    def ticket(self, value: str = "0A1B2C") -> Ticket:
        """A ticket that is good for TICKET_SEC."""
        return Ticket("nalog", value, self.started + timedelta(seconds=TICKET_SEC), polls=2)

    def find(self, person: Person) -> Answer | None:
        """The unexpired answer, without a claim."""
        return self.store.find_many([person]).get(person)

    def claim(self, request: LookupRequest) -> Claim:
        """The right to fetch this person, which must be free."""
        claim = self.store.find_or_claim(request.person)
        assert isinstance(claim, Claim)
        return claim

    def lose(self, request: LookupRequest) -> tuple[Claim, Claim]:
        """Two claims of this person: the first one's lease has ended before the second."""
        lost = self.claim(request)
        self.later(LEASE + 1)
        return lost, self.claim(request)

    def is_claimed(self, request: LookupRequest) -> bool:
        """Whether somebody has claimed this person; if nobody had, this did."""
        return self.store.find_or_claim(request.person) is None

    def pend(self, request: LookupRequest, ticket: str = "0A1B2C") -> None:
        """Keep a ticket under a claim that was won, and let its wait pass."""
        self.store.keep_ticket(self.claim(request), self.ticket(ticket), WAIT)
        self.later(WAIT + 1)

    def save(self, request: LookupRequest, answer: Answer) -> None:
        """Save it under a claim that was won."""
        self.store.save(self.claim(request), request, answer)


def request(number: int = 1, **changes: object) -> LookupRequest:
    """An invented person's request; another number, another person."""
    return doubles.request(**numbered(number) | changes)


def at_once(work: Callable[[int], Result], times: int, threads: int = 16) -> Sequence[Result]:
    """The results of `work(0)`, `work(1)`... done by several threads together."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(times)))
