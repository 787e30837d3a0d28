"""Ports that are views in memory: what the store has just said of some persons, and a provider that is elsewhere."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from function.contract import LookupRequest
from function.outcomes import Answer, Reason
from function.person import Person
from function.ports import Claim, Invalid, Unavailable, Verdict


class InHand(NamedTuple):
    """An AnswerStore of answers already read, and a Memory of them. Its claims bind nobody, and nothing is ever saved in it."""

    known: Mapping[Person, Answer]

    def recall(self, person: Person) -> Answer | None:
        """The answer in hand."""
        return self.known.get(person)

    def find(self, person: Person) -> Answer | None:
        """The answer in hand."""
        return self.known.get(person)

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """The answers in hand, whoever is asked for."""
        return {person: self.known[person] for person in persons if person in self.known}

    def claim(self, person: Person) -> Claim:
        """A right that leads to `Elsewhere` only."""
        return Claim(person, "")

    def release(self, claim: Claim) -> None:
        """Nothing was held."""

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """Refuse: a view that took answers would lose them."""
        raise TypeError("a view in memory keeps nothing")


class Elsewhere:
    """An InnProvider that can only say that it is not here."""

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """Say so."""
        raise Unavailable(Reason.NOT_HERE)
