"""What both lanes do with a delivery: read it, and turn its fate into messages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import NamedTuple

from adapters.rabbitmq import carried, moves
from adapters.rabbitmq.envelopes import Envelope, read
from adapters.rabbitmq.messages import Delivery, Message
from adapters.rabbitmq.replies import reply
from adapters.rabbitmq.settling import (
    FORBIDDEN_REPLY,
    HANDED_BACK,
    Fate,
    Move,
    ReplyTo,
    decide,
    in_vain,
    reply_to,
    status_of,
)
from adapters.rabbitmq.topology import Names
from function.outcomes import Answered, Deferred, InProgress, Outcome, Reason, Rejected
from function.ports import Ports
from function.request import result_of
from function.telemetry import Ended, Observer

ENTRY = "rabbitmq"


class Work(NamedTuple):
    """What a lane works with, whatever the connection. `retries`: returns from `.retry` that a request may have."""

    names: Names
    ports: Ports
    retries: int
    observer: Observer


@dataclass(slots=True, eq=False)
class Job:
    """One delivery and what was read of it. `trace`: the traceparent of the work on it."""

    delivery: Delivery
    envelope: Envelope
    sender: ReplyTo
    attempts: int
    turned_away: int
    trace: str


def stamps() -> Callable[[], str]:
    """Ids that no other message has, cheaply."""
    run = token_hex(8)
    numbers: Iterator[int] = count()
    return lambda: f"{run}-{next(numbers):x}"


class Clerk:
    """Reads deliveries and writes what becomes of them, all in memory. `queue`: the lane's own."""

    def __init__(self, work: Work, queue: str) -> None:
        self._work = work
        self._queue = queue
        self._ours = work.names.all
        self._stamp = stamps()

    def job(self, delivery: Delivery) -> Job:
        """A delivery, read; one whose reply would come back to us is no request."""
        envelope = read(delivery)
        sender = reply_to(delivery.reply_to, self._ours)
        if sender is ReplyTo.FORBIDDEN:
            envelope.fault = FORBIDDEN_REPLY
        attempts, turned_away = self._past(delivery)
        return Job(delivery, envelope, sender, attempts, turned_away, envelope.traceparent)

    def fate(self, job: Job, outcome: Outcome) -> Fate | None:
        """See `settling.decide`."""
        return decide(outcome, job.attempts, self._work.retries, job.sender, job.turned_away)

    def settlement(self, job: Job, outcome: Outcome, fate: Fate) -> list[Message]:
        """What to publish before the delivery is acknowledged; the observer is told how the request ended."""
        seconds = monotonic() - job.delivery.arrived
        self._tell(job, outcome, seconds)
        now = self._work.ports.clock.now()
        messages = []
        if fate.replies:
            result = result_of(outcome, seconds)
            told = reply(job.delivery, job.envelope, result, (self._stamp(), now))
            messages.append(self._kept(told) if in_vain(told.queue, job.delivery) else told)
        if fate.move is not Move.NOWHERE:
            messages.append(self._moved(job, fate, now))
        return messages

    def handed_back(self, job: Job) -> Message:
        """The same message for the tail of the lane's own queue, where its deaths are forgotten but not its tries."""
        return moves.passed_on(job.delivery, self._queue, HANDED_BACK, _counts(job))

    def _past(self, delivery: Delivery) -> tuple[int, int]:
        """Tries and refusals so far. In the source queue all are new, whatever a client has written into the headers."""
        names = self._work.names
        if self._queue == names.source:
            return 0, 0
        return carried.attempts(delivery.headers, names.retry), carried.turned_away(delivery.headers)

    def _kept(self, told: Message) -> Message:
        return moves.unrouted(told, self._work.names, "unroutable")

    def _moved(self, job: Job, fate: Fate, now: datetime) -> Message:
        names = self._work.names
        if fate.move is Move.DEAD:
            return moves.parked(job.delivery, names.dead, job.attempts + 1, fate.reason, now)
        queue = names.lookup if fate.move is Move.LOOKUP else names.retry
        counts = _counts(job)
        if fate.reason == Reason.TURNED_AWAY:
            counts[carried.TURNED_AWAY] = job.turned_away + 1
        return moves.passed_on(job.delivery, queue, fate.reason, counts)

    def _tell(self, job: Job, outcome: Outcome, seconds: float) -> None:
        cached, provider = (outcome.cached, outcome.answer.provider) if isinstance(outcome, Answered) else (False, "")
        self._work.observer.ended(
            Ended(
                entry=ENTRY,
                request_id=_request_id(outcome),
                status=status_of(outcome),
                cached=cached,
                provider=provider,
                seconds=seconds,
                attempt=job.attempts + 1,
                traceparent=job.trace,
            )
        )


def _counts(job: Job) -> dict[str, int]:
    counts = {carried.ATTEMPTS: job.attempts, carried.TURNED_AWAY: job.turned_away}
    return {name: count for name, count in counts.items() if count}


def _request_id(outcome: Outcome) -> str:
    match outcome:
        case Rejected(request_id):
            return request_id or ""
        case Answered(request) | Deferred(request) | InProgress(request):
            return request.request_id
