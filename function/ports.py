"""Ports: the protocols that the core depends on, and `Unavailable`, which they raise.

Every port is synchronous and thread-safe. `RateLimiter` is in rate_limit.py, `HistoryStore` in history_and_erasure.py,
`Observer` in telemetry.py.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from pydantic_core import from_json, to_json

from function.outcomes import Answer, FieldError, Reason, Status
from function.person import Person
from function.request import LookupRequest

LEASE_SEC = 10.0  # seconds that a claim lasts unless it is renewed: the longest wait after a crash


class Unavailable(Exception):
    """Temporary failure of a port. No text: it could hold secrets or persons. `retry_after`: seconds, 0: unknown."""

    def __init__(self, reason: Reason, retry_after: float = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = retry_after


class Ticket(NamedTuple):
    """Identifies a lookup that the provider has not finished, for polling. `value` is the provider's secret.

    `expires_at`: aware, UTC; after it a new find is needed. `polls`: made so far; `refusals`: those at which the
    provider did not recognise the ticket.
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
    """One worker's right to fetch one person, until its lease ends. `token` distinguishes it from later claims.

    `ticket`: of a find that an earlier worker made; it is polled, and no new find is made.
    """

    person: Person
    token: str
    ticket: Ticket | None = None


class Answers(Protocol):
    """What `handle` needs of the store. Any method raises `Unavailable(STORE_UNAVAILABLE)` while it cannot be reached."""

    def find_or_claim(self, person: Person) -> Answer | Claim | None:
        """The unexpired answer, or else the right to fetch this person, in one atomic step.

        None while another worker's claim lasts. After its lease another worker gets the claim, with the stored ticket.
        """

    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        """Store the ticket for the next claim, and end this claim in `wait` seconds. A lost claim changes nothing."""

    def release(self, claim: Claim) -> None:
        """End the claim now; the stored ticket becomes `claim.ticket`. A lost claim changes nothing."""

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """Store the answer and a row of history, durably, and end the claim and its ticket.

        Saving twice changes nothing. A lost claim saves all the same: the answer is valid.
        """


class AnswerStore(Answers, Protocol):
    """Keeps answers by person, for all replicas."""

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """The unexpired answers, in one round trip, without unknown persons. A claim does not hide an answer."""

    def renew(self, claims: Sequence[Claim]) -> None:
        """Restart the leases of those of these claims that are still held."""


class Verdict(NamedTuple):
    """A provider's answer: status found (with `inn`), not_found or ambiguous (`inn` ""), and the provider's name."""

    status: Status
    inn: str
    provider: str


class Invalid(NamedTuple):
    """The provider considers fields of the person invalid: by wire name, in texts for the client."""

    errors: tuple[FieldError, ...]


class Pending(NamedTuple):
    """The provider has not finished: poll with the ticket in `retry_after` seconds."""

    ticket: Ticket
    retry_after: float


class InnProvider(Protocol):
    """Looks up INNs at one or more providers."""

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        """Make one request for one person: a first one, or with a ticket a poll. It does not wait between requests.

        Raises `Unavailable`, which makes the ticket useless: PROVIDER_CLOSED (rate limit, cool-down, daily limit:
        not asked), THROTTLED (this request was turned away), PROVIDER_UNAVAILABLE or BAD_REPLY.
        """


class ProviderReply(NamedTuple):
    """One provider's reply. `captcha_ahead`: the next find would need a captcha, so the provider must cool down.

    `failure`: why this poll failed, where the answer is `Pending` all the same.
    """

    answer: Verdict | Invalid | Pending
    captcha_ahead: bool = False
    failure: Reason | None = None


class Throttled(Unavailable):
    """Captcha, 429 or switched off: the provider must cool down for `retry_after` seconds at least."""

    def __init__(self, retry_after: float = 0) -> None:
        super().__init__(Reason.THROTTLED, retry_after)


class Provider(Protocol):
    """One provider, without rate limit or fail-over; an InnProvider consists of one or more."""

    @property
    def name(self) -> str:
        """Its name in answers, logs and metrics."""

    def serves(self, request: LookupRequest) -> bool:
        """Whether it supports this request; a paid provider may support passports only."""

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        """Make one request. Raises `Throttled`, or `Unavailable` with PROVIDER_UNAVAILABLE or BAD_REPLY.

        The caller has a permit where there is no ticket. A poll that fails, and may be made again, is `Pending`.
        PROVIDER_CLOSED: it was not asked, for its session is being opened; try again soon.
        """


class Clock(Protocol):
    """The current time."""

    def now(self) -> datetime:
        """Aware, in UTC."""


class Lifetimes(NamedTuple):
    """How long answers are served. None: for ever."""

    found: timedelta | None
    absent: timedelta | None  # not found and ambiguous: a person may get an INN tomorrow

    def expiry(self, status: Status, fetched_at: datetime) -> datetime | None:
        """When an answer fetched at `fetched_at` expires."""
        lifetime = self.found if status is Status.FOUND else self.absent
        return None if lifetime is None else fetched_at + lifetime


class Ports(NamedTuple):
    """The ports of one `handle`."""

    answers: Answers
    provider: InnProvider
    clock: Clock
    lifetimes: Lifetimes
