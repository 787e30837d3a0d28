"""Fail-over: the providers in order, each behind its rate limit and its circuit breaker, which all replicas share.

- The next provider is asked if one is cooling down, half-open, at its daily limit, or has just throttled this request;
  not if one is paced, or fails: the fallback replaces an unavailable tax service, not a slow one.
- After a cool-down one find probes the provider. A good reply closes the circuit; any other one, a failure included,
  opens it again for longer.
- A provider that throttles a request while its cool-downs are switched off has failed.
- A failing fallback never changes the outcome: the request ends as it would without the fallback.
- Only a find takes a permit. A poll is free and goes to the provider of its ticket, whatever its circuit.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from function import rate_limit
from function.outcomes import Reason
from function.person import Person
from function.ports import Clock, Invalid, Pending, Provider, ProviderReply, Throttled, Ticket, Unavailable, Verdict
from function.rate_limit import DenialReason, Denied, ProviderState, RateLimit, RateLimiter
from function.request import LookupRequest
from function.telemetry import Observer

HALF_OPEN_SEC = 2.0  # longest `retry_after` of requests denied as HALF_OPEN; a probe usually ends well before its lease
PERSON_COOLDOWN = RateLimit(min_interval=0, cooldown=60, daily_limit=0, probe_lease=0)
"""The cool-down of a fallback that failed for a person, for that person; it doubles each time."""
MAX_PERSONS = 10_000

_CLOSED = (Reason.THROTTLED, Reason.PROVIDER_CLOSED)


class ProviderStatus(NamedTuple):
    """The state of one provider; `denied` None: it may be asked."""

    name: str
    denied: Denied | None


class FailoverProvider:
    """An InnProvider that asks several providers in this order, and never waits."""

    def __init__(
        self,
        order: Sequence[tuple[Provider, RateLimit]],
        limiter: RateLimiter,
        observer: Observer,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._monotonic = monotonic
        self._providers = {
            provider.name: _LimitedProvider(provider, limit, limiter, observer, monotonic, PersonCooldowns(monotonic))
            for provider, limit in order
        }

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict | Invalid | Pending:
        """Poll with an unexpired ticket, else ask the first provider that may be asked. See InnProvider."""
        began = self._monotonic()
        try:
            known = self._providers.get(ticket.provider) if ticket and self._clock.now() < ticket.expires_at else None
            return known.ask(request, ticket) if known else self._find(request)
        finally:
            self._observer.step("fetch", self._monotonic() - began)

    def states(self) -> list[ProviderStatus]:
        """The providers' states, in order. Raises Unavailable while the store cannot be reached."""
        return [ProviderStatus(name, each.limiter.check(name, each.limit)) for name, each in self._providers.items()]

    def _find(self, request: LookupRequest) -> Verdict | Invalid | Pending:
        failures: list[Unavailable] = []
        for provider in self._providers.values():
            if not provider.provider.serves(request):
                continue
            reply = provider.find_as_fallback(request) if failures else provider.find(request)
            if not isinstance(reply, _Failure):
                return reply
            failures.append(reply.error)
            if not reply.ask_next:
                break
        first = failures[0] if failures else Unavailable(Reason.PROVIDER_UNAVAILABLE)
        if first.reason in _CLOSED:
            # The first provider that may be asked again can answer.
            raise Unavailable(first.reason, min(error.retry_after for error in failures))
        raise first


class _Failure(NamedTuple):
    """A provider's failure: the error if no other provider answers, and whether to ask the next one."""

    error: Unavailable
    ask_next: bool = True


@dataclass(slots=True)
class _LimitedProvider:
    """One provider behind its rate limit and circuit breaker.

    The Observer is notified once of each opening and closing of the circuit, also by another replica.
    """

    provider: Provider
    limit: RateLimit
    limiter: RateLimiter
    observer: Observer
    monotonic: Callable[[], float]
    cooldowns: "PersonCooldowns"
    reported: DenialReason | None = None

    def find_as_fallback(self, request: LookupRequest) -> Verdict | Invalid | Pending | _Failure:
        """As `find`; after a failure the provider has a cool-down for this person."""
        if seconds := self.cooldowns.remaining(request.person):
            return _Failure(Unavailable(Reason.PROVIDER_CLOSED, seconds))
        reply = self.find(request)
        if not isinstance(reply, _Failure) or reply.error.reason is Reason.PROVIDER_CLOSED:
            return reply
        seconds = self.cooldowns.start(request.person, reply.error.retry_after)
        return _Failure(Unavailable(Reason.PROVIDER_CLOSED, seconds))

    def find(self, request: LookupRequest) -> Verdict | Invalid | Pending | _Failure:
        """Ask with a permit, and update the circuit breaker."""
        permit = self.limiter.acquire(self.provider.name, self.limit)
        if isinstance(permit, Denied):
            return self._denial_failure(permit)
        if self.reported is not None and not permit.probe:
            self._report(None)
        try:
            return self.ask(request, probe=permit.probe)
        except Throttled as error:
            seconds = self._cool_down(error.retry_after)
            reason = Reason.THROTTLED if seconds else Reason.PROVIDER_UNAVAILABLE
            return _Failure(Unavailable(reason, seconds))
        except Unavailable as error:
            if not permit.probe:
                return _Failure(error, ask_next=False)
            # The circuit opens, and the next provider is asked: one request that always fails must not stop all others.
            return _Failure(Unavailable(error.reason, self._cool_down(error.retry_after)))
        except Exception:
            if permit.probe:
                self._cool_down()
            raise

    def ask(
        self, request: LookupRequest, ticket: Ticket | None = None, *, probe: bool = False
    ) -> Verdict | Invalid | Pending:
        """Ask, or poll with a ticket, which needs no permit. Raises what the provider raises."""
        began, outcome = self.monotonic(), Reason.INTERNAL_ERROR.value
        try:
            with self.observer.span(f"ask {self.provider.name}"):
                reply = self.provider.ask(request, ticket)
            match reply.answer:
                case Verdict(status):
                    outcome = status.value
                case Invalid():
                    outcome = "rejected"
                case Pending():
                    outcome = (reply.failure or Reason.PENDING).value
        except Unavailable as error:
            outcome = error.reason.value
            raise
        finally:
            self.observer.provider_called(self.provider.name, outcome, self.monotonic() - began)
        if reply.captcha_ahead or probe:
            self._update_circuit(reply)
        return reply.answer

    def _denial_failure(self, denied: Denied) -> _Failure:
        reason, seconds = denied
        if reason in (DenialReason.COOLING_DOWN, DenialReason.DAILY_LIMIT) and reason is not self.reported:
            self._report(denied)
        if reason is DenialReason.HALF_OPEN:
            seconds = min(seconds, HALF_OPEN_SEC)
        return _Failure(Unavailable(Reason.PROVIDER_CLOSED, seconds), ask_next=reason is not DenialReason.PACED)

    def _update_circuit(self, reply: ProviderReply) -> None:
        """Close the circuit after a good probe, or open it if a captcha is ahead."""
        try:
            if reply.captcha_ahead:
                self._cool_down()
            else:
                self.limiter.recover(self.provider.name)
                self._report(None)
        except Unavailable as error:
            # The answer matters more: the captcha is announced again, or the probe's lease ends.
            self.observer.error("providers", error)

    def _cool_down(self, at_least: float = 0) -> float:
        """Open the circuit, and return for how many seconds; 0: cool-downs are off."""
        seconds = self.limiter.cool_down(self.provider.name, self.limit, at_least)
        if seconds:
            self._report(Denied(DenialReason.COOLING_DOWN, seconds))
        return seconds

    def _report(self, denied: Denied | None) -> None:
        """Report that the circuit opened, or that it closed if it was reported open."""
        reported, self.reported = self.reported, denied.reason if denied else None
        if denied is not None:
            self.observer.provider_closed(self.provider.name, denied.reason.value, denied.retry_after)
        elif reported is not None:
            self.observer.provider_closed(self.provider.name, reported.value, 0)


class PersonCooldowns:
    """Thread-safe cool-downs by person, since each try may cost money; the oldest are dropped.

    Only a hash of a person is kept, which means nothing outside this process.
    """

    def __init__(self, monotonic: Callable[[], float], capacity: int = MAX_PERSONS) -> None:
        self._monotonic = monotonic
        self._capacity = capacity
        self._states: OrderedDict[int, ProviderState] = OrderedDict()
        self._changing = Lock()

    def remaining(self, person: Person) -> float:
        """Seconds until the provider may be asked for the person; 0: now."""
        state = self._states.get(hash(person), ProviderState())
        denied = rate_limit.circuit_denial(state, PERSON_COOLDOWN, self._monotonic())
        return denied.retry_after if denied else 0

    def start(self, person: Person, at_least: float) -> float:
        """Begin a cool-down of at least `at_least` seconds, and return its length."""
        key, now = hash(person), self._monotonic()
        with self._changing:
            before = self._states.pop(key, ProviderState())
            state = rate_limit.open_circuit(before, PERSON_COOLDOWN, now, at_least)
            self._states[key] = state
            if len(self._states) > self._capacity:
                self._states.popitem(last=False)
        return state.open_until - now
