"""What the core needs of the world, as Protocols in the core's words, and how a port says no.

Every port is synchronous and thread-safe.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from pydantic_core import from_json, to_json

from function.outcomes import Answer, FieldError, Reason, Status
from function.person import Person
from function.request import LookupRequest

LEASE_SEC = 10.0
"""Seconds that a claim lasts unless it is renewed: after a crash nobody waits longer."""


class Unavailable(Exception):
    """A port can't do it now. It carries a reason and no text, for texts of drivers hold secrets and persons.

    `retry_after`: seconds, 0 where nobody knows.
    """

    def __init__(self, reason: Reason, retry_after: float = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = retry_after


class Ticket(NamedTuple):
    """What an answer that is still being worked out is polled with. `value` is the provider's secret.

    `expires_at`: aware, UTC; after it the provider must be asked anew. `polls` and `refusals` count the polls
    made so far, and those at which the provider did not know the ticket.
    """

    provider: str
    value: str
    expires_at: datetime
    polls: int = 0
    refusals: int = 0

    def __repr__(self) -> str:
        return f"Ticket({self.provider}, polls={self.polls})"

    def to_json(self) -> bytes:
        """The whole ticket, secret included: encrypt it before it is stored."""
        return to_json((self.provider, self.value, self.expires_at.timestamp(), self.polls, self.refusals))

    @classmethod
    def from_json(cls, text: bytes) -> "Ticket":
        """The ticket that `to_json` wrote."""
        provider, value, expires_at, polls, refusals = from_json(text)
        return cls(provider, value, datetime.fromtimestamp(expires_at, UTC), polls, refusals)


class Claim(NamedTuple):
    """One worker's right to fetch one person, until its lease ends. `token` tells it from later claims.

    `ticket`: of a find that an earlier worker made; its answer is polled for, no new find is made.
    """

    person: Person
    token: str
    ticket: Ticket | None = None


class Answers(Protocol):
    """What `handle` needs of the store. Any method raises `Unavailable(STORE_UNAVAILABLE)` while it cannot be reached."""

    def find_or_claim(self, person: Person) -> Answer | Claim | None:
        """The unexpired answer, or else the right to fetch this person, in one atomic step.

        None while another worker's claim lasts. A claim whose lease has ended is anybody's, and brings the ticket
        that was kept with it.
        """

    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        """Keep the ticket, and end the claim in `wait` seconds: whoever claims the person next polls on.

        A claim that was lost to another worker changes nothing.
        """

    def release(self, claim: Claim) -> None:
        """End the claim now. The ticket that it carries stays; without one, none stays.

        A claim that is no longer held changes nothing.
        """

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """Keep the answer and a row of history, durably, and end the claim and its ticket.

        Saving twice changes nothing. A claim that was lost to another worker saves all the same:
        an answer is a fact.
        """


class AnswerStore(Answers, Protocol):
    """Keeps answers by person, for all replicas."""

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """The unexpired answers, in one round trip; who is not known is not in it. A claim does not hide an answer."""

    def renew(self, claims: Sequence[Claim]) -> None:
        """Begin the leases of these claims anew, as far as they are still held."""


class Verdict(NamedTuple):
    """What a provider says of a person: status found (with `inn`), not_found or ambiguous (`inn` ""), and its name."""

    status: Status
    inn: str
    provider: str


class Invalid(NamedTuple):
    """In the provider's own view the person's fields are wrong; named by wire name, in texts for the client."""

    errors: tuple[FieldError, ...]


class Pending(NamedTuple):
    """The provider is still working it out: ask again with the ticket in `retry_after` seconds."""

    ticket: Ticket
    retry_after: float


class InnProvider(Protocol):
    """Knows INNs: the tax service, or who asks it for us."""

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        """Make one request for one person: a first one, or with a ticket a poll. It does not wait between requests.

        Raises `Unavailable`, after which a ticket is of no use: PROVIDER_CLOSED where it must not be asked now
        (rate limit, cool-down, daily limit), THROTTLED where it has just turned this request away;
        PROVIDER_UNAVAILABLE or BAD_REPLY where it failed.
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


class Ports(NamedTuple):
    """All that one `handle` needs."""

    answers: Answers
    provider: InnProvider
    clock: Clock
    lifetimes: Lifetimes
