"""Small worlds for the core's tests: ports that are plain classes, with a record of what was asked of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from function.outcomes import Answer, Reason, Status
from function.person import Person
from function.ports import Claim, Invalid, Lifetimes, Ports, Unavailable, Verdict
from function.request import LookupRequest, parse

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
INN = "770000000082"
PERSON: dict[str, Any] = {
    "requestId": "r-1",
    "lastName": "Иванов",
    "firstName": "Пётр",
    "middleName": "Сергеевич",
    "birthDate": "1985-03-12",
    "documentSerial": "4509",
    "documentNumber": "123456",
}


def event(**changes: Any) -> bytes:
    """The contract's JSON for an invented person, with these fields otherwise; a field that is `...` is left out."""
    return json.dumps({name: value for name, value in {**PERSON, **changes}.items() if value is not ...}).encode()


def request(**changes: Any) -> LookupRequest:
    """The same, read."""
    parsed = parse(event(**changes), NOW.date())
    assert isinstance(parsed, LookupRequest)
    return parsed


KNOWN = Answer(Status.FOUND, INN, "nalog", NOW - timedelta(days=1), NOW + timedelta(days=29))
"""An answer of that person that is still good."""


@dataclass
class Answers:
    """An AnswerStore in a dictionary, for one thread. `down` names the calls that cannot be done."""

    known: dict[Person, Answer] = field(default_factory=dict)
    claims: dict[Person, Claim] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    down: frozenset[str] = frozenset()
    on_claim: Callable[[], None] = lambda: None

    def find(self, person: Person) -> Answer | None:
        self._called("find")
        return self.known.get(person)

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        self._called("find_many")
        return {person: self.known[person] for person in persons if person in self.known}

    def claim(self, person: Person) -> Claim | Answer | None:
        self.on_claim()
        self._called("claim")
        if person in self.known:
            return self.known[person]
        if person in self.claims:
            return None
        self.claims[person] = Claim(person, f"token-{len(self.calls)}")
        return self.claims[person]

    def release(self, claim: Claim) -> None:
        self._called("release")
        if self.claims.get(claim.person) == claim:
            del self.claims[claim.person]

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        self._called("save")
        self.known[claim.person] = answer
        self.claims.pop(claim.person, None)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.down:
            raise Unavailable(Reason.STORE_UNAVAILABLE, 7)


@dataclass
class Met:
    """A Memory in a dictionary."""

    known: Mapping[Person, Answer] = field(default_factory=dict)

    def recall(self, person: Person) -> Answer | None:
        return self.known.get(person)


@dataclass
class Provider:
    """An InnProvider that says what it is told to, or raises it."""

    says: Verdict | Invalid | BaseException = field(default_factory=lambda: Verdict(Status.FOUND, INN, "nalog"))
    asked: list[LookupRequest] = field(default_factory=list)

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        self.asked.append(request)
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says


@dataclass
class StoppedClock:
    """A Clock that stands still."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


@dataclass
class World:
    """Everything that one `handle` needs, in a test's hands."""

    answers: Answers = field(default_factory=Answers)
    provider: Provider = field(default_factory=Provider)
    clock: StoppedClock = field(default_factory=StoppedClock)
    memory: Met = field(default_factory=Met)
    lifetimes: Lifetimes = field(
        default_factory=lambda: Lifetimes(found=timedelta(days=30), absent=timedelta(hours=24))
    )

    @property
    def ports(self) -> Ports:
        return Ports(self.answers, self.provider, self.clock, self.lifetimes, self.memory)
