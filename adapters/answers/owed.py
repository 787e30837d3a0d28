"""Answers that were fetched and could not be kept, as a rule because the store was away just then: it is owed them.

An answer costs one of the few requests that the tax service bears. So it stays in this process's memory,
and the next lookup of the person, as a rule the same request tried again, saves it instead of asking anew;
the end of the process saves what is left.

What was erased is never written again: once anybody was erased after an answer was fetched, it is not saved.
No record of an erasure says whose it was, so a few others are asked for anew as well.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from adapters.answers.fleeting import Fleeting
from function.outcomes import Answer
from function.person import Person
from function.ports import AnswerStore, Claim, Clock, Unavailable
from function.request import LookupRequest

OWED_SEC = 600.0
"""After so long an answer is asked for anew: the outage outlasted every request that waited for it."""
CAPACITY = 1_000
CLOCKS_SEC = 60.0
"""The clock of who erases may be behind by so much, and the erasure take so long."""


class Store(AnswerStore, Protocol):
    """What is owed to."""

    def erased_since(self, time: datetime) -> bool:
        """See Archive."""


class _Debt(NamedTuple):
    claim: Claim
    request: LookupRequest
    answer: Answer


class OwedAnswers:
    """An AnswerStore over another one."""

    def __init__(self, store: Store, clock: Clock, capacity: int = CAPACITY) -> None:
        self._store = store
        self._debts: Fleeting[_Debt] = Fleeting(clock, capacity)

    def find(self, person: Person) -> Answer | None:
        """See AnswerStore."""
        return self._store.find(person)

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """See AnswerStore."""
        return self._store.find_many(persons)

    def claim(self, person: Person) -> Claim | Answer | None:
        """See AnswerStore. What is owed is saved first, and is the answer, unless it may have been erased."""
        debt = self._debts.get(person)
        return debt.answer if debt is not None and self._settled(debt) else self._store.claim(person)

    def release(self, claim: Claim) -> None:
        """See AnswerStore."""
        self._store.release(claim)

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """See AnswerStore."""
        self._debts.pop(claim.person)
        try:
            self._store.save(claim, request, answer)
        except Exception:
            # Whatever it was, a fault of ours too: the answer is as dear.
            made = answer.fetched_at
            self._debts.put(claim.person, _Debt(claim, request, answer), made, made + timedelta(seconds=OWED_SEC))
            raise

    def close(self) -> None:
        """Save what is owed, where the store is back: it would be lost with the process, and its claim be held."""
        for debt in self._debts.values():
            try:
                self._settled(debt)
            except Unavailable:
                # Each of the others would wait as long in vain.
                return
            except Exception:  # noqa: BLE001, S112  # a fault that was told of at the first save; the others are tried
                continue

    def _settled(self, debt: _Debt) -> bool:
        """Whether it was saved; it is not where it may have been erased."""
        if self._store.erased_since(debt.answer.fetched_at - timedelta(seconds=CLOCKS_SEC)):
            # Nobody else has to wait for the end of its lease.
            self._store.release(debt.claim)
            self._debts.pop(debt.claim.person)
            return False
        self.save(debt.claim, debt.request, debt.answer)
        return True
