"""Answers that this process has met lately, kept in its memory: to find one again asks nobody.

What is kept is what the store said, for KEPT_SEC at most and never beyond the answer's own expiry. So
that is also how long another process may still answer for a person after `inn forget` has erased them.
It writes none of it anywhere.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.answers.fleeting import Fleeting
from function.outcomes import Answer
from function.person import Person
from function.ports import AnswerStore, Claim, Clock
from function.request import LookupRequest

KEPT_SEC = 60.0
CAPACITY = 10_000
"""Answers kept at most: some 10 MiB."""


class RecentAnswers:
    """An AnswerStore over another one, and the Memory of what that one said. `capacity` 0: it remembers nothing."""

    def __init__(self, store: AnswerStore, clock: Clock, capacity: int = CAPACITY) -> None:
        self._store = store
        self._clock = clock
        self._met: Fleeting[Answer] = Fleeting(clock, capacity)

    def recall(self, person: Person) -> Answer | None:
        """See Memory."""
        return self._met.get(person)

    def find(self, person: Person) -> Answer | None:
        """See AnswerStore."""
        return self.recall(person) or self._remembered(person, self._store.find(person))

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """See AnswerStore. The store is asked for those only whom nobody here has met."""
        recalled = {person: answer for person in persons if (answer := self.recall(person)) is not None}
        unmet = [person for person in persons if person not in recalled]
        found = self._store.find_many(unmet) if unmet else {}
        self._remember(found)
        return {**recalled, **found}

    def claim(self, person: Person) -> Claim | Answer | None:
        """See AnswerStore."""
        claim = self._store.claim(person)
        return self._remembered(person, claim) if isinstance(claim, Answer) else claim

    def release(self, claim: Claim) -> None:
        """See AnswerStore."""
        self._store.release(claim)

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """See AnswerStore. It is remembered only after it was kept."""
        self._store.save(claim, request, answer)
        self._remembered(claim.person, answer)

    def _remembered(self, person: Person, answer: Answer | None) -> Answer | None:
        if answer is not None:
            self._remember({person: answer})
        return answer

    def _remember(self, met: Mapping[Person, Answer]) -> None:
        until = self._clock.now() + timedelta(seconds=KEPT_SEC)
        for person, answer in met.items():
            # As in the store: of two answers the one that was fetched later stays.
            self._met.put(person, answer, answer.fetched_at, min(until, answer.expires_at or until))
