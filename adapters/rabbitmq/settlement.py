"""Settles deliveries, the same way in both lanes: decides what becomes of each, and makes its reply and its copy.

A delivery ends in at most one reply and at most one move to another of our queues, both confirmed by
the broker before it is acknowledged. HOLD: the delivery stays unacknowledged and is tried again. No I/O.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Literal, NamedTuple, assert_never

from adapters.rabbitmq.messages import (
    ATTEMPTS,
    DIRECT_REPLY,
    PARKED_AT,
    REASON,
    SHORT_STRING_BYTES,
    THROTTLED,
    Delivery,
    Message,
    build_copy,
    decode,
    encode_reply,
    read_count,
    unrouted,
)
from adapters.rabbitmq.topology import QueueNames
from adapters.runtime.lookup_runner import LookupRunner
from function.event import Event
from function.outcomes import Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected, Status
from function.ports import Clock
from function.result import result_of, summary_of
from function.telemetry import HOLD_REASONS, LookupEvent, Observer

ENTRY = "rabbitmq"
MAX_THROTTLED = 20
"""How often a provider may throttle one request before it is parked; no retry is counted. It outlasts half a day of
captchas: cool-downs in a row grow to an hour. Without this limit, a request that is throttled while others are not
would keep the provider's circuit open for ever.
"""
OUTAGE_LOG_SEC = 60.0  # shortest time between two reported outages of the store: two log lines each
_FORBIDDEN_REPLY = Rejected(None, (FieldError("reply_to", "must not name a queue of this service"),))
_WITHOUT_STORE = frozenset({Status.REJECTED, Reason.INTERNAL_ERROR})  # they do not show that the store is available


class LaneContext(NamedTuple):
    """What a lane needs beside its connection. `retries`: returns from `.retry` that a request may have."""

    names: QueueNames
    lookups: LookupRunner
    clock: Clock
    retries: int
    observer: Observer


@dataclass(slots=True, eq=False)
class Job:
    """One decoded delivery. `replies`: its sender may be answered; `traceparent`: of the span that processes it."""

    delivery: Delivery
    event: Event
    replies: bool
    traceparent: str = ""
    attempts: int = 0
    throttled: int = 0


class Disposition(NamedTuple):
    """What to do about a delivery. `moves_to`: a queue of this service, or "held"; `reason`: the code of why it moves."""

    replies: bool = False
    moves_to: Literal["", "lookup", "retry", "dead", "held"] = ""
    reason: str = ""


HOLD = Disposition(moves_to="held")


def disposition(job: Job, outcome: Outcome, limit: int) -> Disposition:
    """The disposition of a job's delivery. `limit`: the retries that it may have."""
    match outcome:
        case Rejected(request_id) if not (job.replies and request_id):
            # Without a requestId or a reply queue the sender cannot learn which request was rejected.
            chosen = Disposition(job.replies, "dead", Status.REJECTED)
        case Answered() | Rejected():
            chosen = Disposition(job.replies)
        case Deferred(_, Reason.NOT_CACHED as reason):
            chosen = Disposition(moves_to="lookup", reason=reason)
        case Deferred(_, Reason.THROTTLED as reason) if job.throttled + 1 < MAX_THROTTLED:
            # To the tail: this request itself may be the cause.
            chosen = Disposition(moves_to="lookup", reason=reason)
        case Deferred(_, reason) if reason.is_failure and job.attempts < limit:
            chosen = Disposition(moves_to="retry", reason=reason)
        case Deferred(_, reason) if reason.is_failure or reason is Reason.THROTTLED:
            chosen = Disposition(job.replies, "dead", reason)
        case Deferred() | InProgress():
            chosen = HOLD
        case _:
            assert_never(outcome)
    return chosen


def decode_job(delivery: Delivery, queue: str, names: QueueNames) -> Job:
    """A delivery of `queue` as a job; its event is rejected where its reply would come back to one of our queues."""
    event, reply_to = decode(delivery), delivery.reply_to
    replies = reply_to != ""
    if reply_to in names.all or reply_to == DIRECT_REPLY or len(reply_to.encode()) > SHORT_STRING_BYTES:
        replies, event = False, Event(_FORBIDDEN_REPLY, event.id, event.traceparent, event.mode)
    job = Job(delivery, event, replies, event.traceparent)
    # In the source queue all are new, even if a client has set these headers.
    if delivery.headers and queue != names.source:
        job.attempts, job.throttled = delivery.attempts(names.retry), read_count(delivery.headers, THROTTLED)
    return job


def settle(job: Job, outcome: Outcome, chosen: Disposition, context: LaneContext) -> list[Message]:
    """The messages to publish before the delivery is acknowledged. Reports the end of the lookup."""
    names, seconds = context.names, monotonic() - job.delivery.arrived
    request_id, status, cached, provider, _ = summary_of(outcome)
    ended = LookupEvent(ENTRY, request_id, status, cached, provider, seconds, job.attempts + 1, job.traceparent)
    context.observer.lookup(ended)
    now = context.clock.now()
    settling = []
    if chosen.replies:
        reply = encode_reply(job.delivery, job.event, result_of(outcome, seconds), token_hex(16), now)
        settling.append(unrouted(reply, names, "unroutable") if job.delivery.is_forged else reply)
    if chosen.moves_to:
        throttled = job.throttled + (chosen.reason == Reason.THROTTLED)
        facts: dict[str, object] = {ATTEMPTS: job.attempts, THROTTLED: throttled}
        if chosen.moves_to == "dead":
            parked_at = now.isoformat(timespec="seconds")
            facts = {ATTEMPTS: job.attempts + 1, REASON: chosen.reason, PARKED_AT: parked_at}
        settling.append(build_copy(f"{names.source}.{chosen.moves_to}", job.delivery, chosen.reason, facts))
    return settling


def hand_back(job: Job, queue: str) -> Message:
    """A copy for its queue's tail, after too long a hold or at the end: its returns count from 0, not its attempts."""
    return build_copy(queue, job.delivery, "handed_back", {ATTEMPTS: job.attempts, THROTTLED: job.throttled})


class HoldReport:
    """Reports the held deliveries of one lane: each by its reason, and an outage of the store once.

    An open circuit is not reported here: the fail-over between providers reports it. `outage_since`: in monotonic
    seconds; None unless an outage was reported, and not yet its end.
    """

    def __init__(self, observer: Observer, queue: str) -> None:
        self._observer = observer
        self._queue = queue
        self.outage_since: float | None = None
        self._silent_until = float("-inf")

    def report(self, outcomes: Iterable[Outcome], now: float) -> None:
        """Count what is held; may report the beginning of an outage, or its end. Needed while one lasts, or for a HOLD."""
        statuses = Counter(summary_of(outcome).status for outcome in outcomes)
        for reason in HOLD_REASONS:
            if held := statuses[reason]:
                self._observer.held(reason, held)
        if Reason.STORE_UNAVAILABLE in statuses:
            if self.outage_since is None and now >= self._silent_until:
                self.outage_since = now
                self._observer.event("store_unavailable", queue=self._queue)
        elif self.outage_since is not None and not _WITHOUT_STORE.issuperset(statuses):
            self._observer.event("store_available", queue=self._queue, seconds=now - self.outage_since)
            self.outage_since, self._silent_until = None, now + OUTAGE_LOG_SEC
