"""What the core needs of the world, as Protocols in the core's words, and how a port says no.

Every port is synchronous and thread-safe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from function.outcomes import Answer, FieldError, Reason, Status
from function.person import Person
from function.request import LookupRequest


class Unavailable(Exception):
    """A port can't do it now. It carries a reason and no text, for texts of drivers hold secrets and persons.

    `retry_after`: seconds, 0 where nobody knows.
    """

    def __init__(self, reason: Reason, retry_after: float = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = retry_after


class Claim(NamedTuple):
    """One worker's right to fetch one person, until its lease ends. `token` tells it from later claims."""

    person: Person
    token: str


class AnswerStore(Protocol):
    """Keeps answers by person. Any method raises `Unavailable(STORE_UNAVAILABLE)` while it cannot be reached."""

    def find(self, person: Person) -> Answer | None:
        """The unexpired answer, in one indexed read; a claim on the person does not hide it."""

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """What `find` would say of each, in one round trip; who is not known is not in it."""

    def claim(self, person: Person) -> Claim | Answer | None:
        """The right to fetch this person, in one atomic step.

        The answer itself where another worker has just saved it; None while another's claim lasts.
        A claim whose lease has ended is anybody's.
        """

    def release(self, claim: Claim) -> None:
        """Give the right back without an answer. A claim that is no longer held changes nothing."""

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """Keep the answer and a row of history, durably, and end the claim.

        Saving twice changes nothing. A claim that was lost to another worker saves all the same:
        an answer is a fact.
        """


class Verdict(NamedTuple):
    """What a provider says of a person: status found (with `inn`), not_found or ambiguous (`inn` ""), and its name."""

    status: Status
    inn: str
    provider: str


class Invalid(NamedTuple):
    """In the provider's own view the person's fields are wrong; named by wire name, in texts for the client."""

    errors: tuple[FieldError, ...]


class InnProvider(Protocol):
    """Knows INNs: the tax service, or who asks it for us."""

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """Ask for one person; may block up to the provider's time limit.

        Raises `Unavailable`: PROVIDER_CLOSED where it must not be asked now (pace, cool-down, daily
        limit) or has just closed itself (captcha, throttling); PROVIDER_UNAVAILABLE or BAD_REPLY
        where it was asked in vain.
        """


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""


class Lifetimes(NamedTuple):
    """How long answers are good. None: for ever."""

    found: timedelta | None
    absent: timedelta | None
    """Not found and ambiguous: a person may get an INN tomorrow."""

    def expiry(self, status: Status, fetched_at: datetime) -> datetime | None:
        """When an answer fetched then is no longer served."""
        lifetime = self.found if status is Status.FOUND else self.absent
        return None if lifetime is None else fetched_at + lifetime


class Memory(Protocol):
    """Answers that this process has met lately. It asks nobody, so it neither blocks nor fails."""

    def recall(self, person: Person) -> Answer | None:
        """The unexpired answer, where it was met a moment ago."""


class NoMemory:
    """A Memory of nothing."""

    def recall(self, person: Person) -> Answer | None:
        """Nobody was ever met."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All that one `handle` needs. `memory` is what hosts may look into before they ask `answers`."""

    answers: AnswerStore
    provider: InnProvider
    clock: Clock
    lifetimes: Lifetimes
    memory: Memory = field(default_factory=NoMemory)
