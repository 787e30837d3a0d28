"""The one fake of each port, as plain classes, and the invented person that tests ask for."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from function.event import Event
from function.outcomes import Answer, Reason, Status
from function.person import Person
from function.ports import Claim, Invalid, Lifetimes, Pending, Ports, Ticket, Unavailable, Verdict
from function.rate_limit import (
    Denied,
    Permit,
    ProviderState,
    RateLimit,
    circuit_denial,
    close_circuit,
    open_circuit,
    take_permit,
)
from function.request import LookupRequest, parse
from function.telemetry import Observer

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
KNOWN = Answer(Status.FOUND, INN, "nalog", NOW - timedelta(days=1), NOW + timedelta(days=29))  # still valid
TICKET = Ticket("nalog", "0A1B2C", NOW + timedelta(seconds=180))
FOUND = Verdict(Status.FOUND, INN, "nalog")


def body(**changes: Any) -> bytes:
    """The contract's JSON for the invented person, with these fields otherwise; a field that is `...` is left out."""
    return json.dumps({name: value for name, value in {**PERSON, **changes}.items() if value is not ...}).encode()


def event(**changes: Any) -> Event:
    """The same as an event."""
    return Event(body(**changes))


def numbered(number: int) -> dict[str, str]:
    """What differs of another person: another number, another person."""
    return {"requestId": f"r-{number}", "documentNumber": f"{100000 + number}"}


def request(**changes: Any) -> LookupRequest:
    """The same, parsed."""
    parsed = parse(body(**changes), NOW.date())
    assert isinstance(parsed, LookupRequest)
    return parsed


@dataclass
class FixedClock:
    """A Clock that tests set."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


@dataclass
class MemoryAnswers:
    """An AnswerStore in a dictionary, for one thread. `down` names the calls that are unavailable."""

    known: dict[Person, Answer] = field(default_factory=dict)
    claims: dict[Person, Claim] = field(default_factory=dict)
    tickets: dict[Person, Ticket] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    down: frozenset[str] = frozenset()
    on_claim: Callable[[], None] = lambda: None

    def get_cached(self, person: Person) -> Answer | None:
        """Nothing is cached in the process."""
        return None

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        self._called("find_many")
        return {person: self.known[person] for person in persons if person in self.known}

    def find_or_claim(self, person: Person) -> Answer | Claim | None:
        self.on_claim()
        self._called("find_or_claim")
        if person in self.known:
            return self.known[person]
        if person in self.claims:
            return None
        self.claims[person] = Claim(person, f"token-{len(self.calls)}", self.tickets.get(person))
        return self.claims[person]

    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        self._called("keep_ticket")
        self.claims.pop(claim.person, None)
        self.tickets[claim.person] = ticket

    def release(self, claim: Claim) -> None:
        self._called("release")
        if self.claims.get(claim.person, claim).token == claim.token:
            self.claims.pop(claim.person, None)
            self.tickets.pop(claim.person, None)
            if claim.ticket is not None:
                self.tickets[claim.person] = claim.ticket

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        self._called("save")
        self.known[claim.person] = answer
        self.claims.pop(claim.person, None)
        self.tickets.pop(claim.person, None)

    def renew(self, claims: Sequence[Claim]) -> None:
        self._called("renew")

    def erased_since(self, time: datetime) -> bool:
        self._called("erased_since")
        return False

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.down:
            raise Unavailable(Reason.STORE_UNAVAILABLE, 7)


@dataclass
class ScriptedProvider:
    """An InnProvider that gives these replies in order, the last one for ever; an exception is raised."""

    replies: list[Verdict | Invalid | Pending | BaseException] = field(default_factory=lambda: [FOUND])
    asked: list[tuple[LookupRequest, Ticket | None]] = field(default_factory=list)

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        self.asked.append((request, ticket))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, BaseException):
            raise reply
        return reply


class MemoryRateLimiter:
    """A RateLimiter in memory, for one process: the same decisions as every store's, on a clock that tests can set."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._states: dict[str, ProviderState] = {}
        self._lock = threading.Lock()

    def acquire(self, provider: str, limit: RateLimit) -> Permit | Denied:
        with self._lock:
            self._states[provider], result = take_permit(self._state(provider), limit, self._now())
            return result

    def cool_down(self, provider: str, limit: RateLimit, at_least: float = 0) -> float:
        with self._lock:
            now = self._now()
            after = self._states[provider] = open_circuit(self._state(provider), limit, now, at_least)
            return max(after.open_until - now, 0)

    def recover(self, provider: str) -> None:
        with self._lock:
            self._states[provider] = close_circuit(self._state(provider), self._now())

    def check(self, provider: str, limit: RateLimit) -> Denied | None:
        with self._lock:
            return circuit_denial(self._state(provider), limit, self._now())

    def _state(self, provider: str) -> ProviderState:
        return self._states.get(provider, ProviderState())


POSITIONAL_REPORTS = {name for name in vars(Observer) if not name.startswith("_")} - {"event", "span"}


@dataclass
class RecordingObserver(Observer):
    """An Observer that records every report, as the method's name and what it got."""

    reports: list[tuple[Any, ...]] = field(default_factory=list)

    def of(self, method: str) -> list[tuple[Any, ...]]:
        """What this method was told, in order."""
        return [report[1:] for report in self.reports if report[0] == method]

    def __getattribute__(self, name: str) -> Any:
        if name in POSITIONAL_REPORTS:
            return lambda *said: self.reports.append((name, *said))
        return super().__getattribute__(name)

    def event(self, name: str, /, **facts: str | float) -> None:
        self.reports.append(("event", name, facts))

    def span(self, name: str, traceparent: str = "", ago: float = 0) -> AbstractContextManager[str]:
        self.reports.append(("span", name, traceparent))
        return nullcontext(traceparent)


@dataclass
class World:
    """Everything that one `handle` needs, in a test's hands."""

    answers: MemoryAnswers = field(default_factory=MemoryAnswers)
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    clock: FixedClock = field(default_factory=FixedClock)
    lifetimes: Lifetimes = field(
        default_factory=lambda: Lifetimes(found=timedelta(days=30), absent=timedelta(hours=24))
    )

    @property
    def ports(self) -> Ports:
        return Ports(self.answers, self.provider, self.clock, self.lifetimes)


class Metrics:
    def __init__(self) -> None:
        self.ready: dict[str, bool] = {}

    def exposition(self) -> bytes:
        return f"# metrics {self.ready}\n".encode()

    def record_check(self, name: str, *, ready: bool) -> None:
        self.ready[name] = ready
