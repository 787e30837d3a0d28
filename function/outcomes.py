"""Outcomes of a lookup, as values: a host matches them, and a new one breaks every host's type check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from function.request import LookupRequest


class Status(StrEnum):
    """The reply's `status`."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    REJECTED = "rejected"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a lookup has to wait. The value is the code in replies, logs and metrics."""

    STORE_UNAVAILABLE = "store_unavailable"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    BAD_REPLY = "bad_reply"
    PROVIDER_CLOSED = "provider_closed"
    THROTTLED = "throttled"
    PENDING = "pending"
    NOT_CACHED = "not_cached"
    IN_PROGRESS = "in_progress"
    DEADLINE = "deadline"
    INTERNAL_ERROR = "internal_error"

    @property
    def text(self) -> str:
        """The reason in words, for replies."""
        return _TEXTS[self]

    @property
    def is_failure(self) -> bool:
        """Whether it counts as an attempt that failed; waiting for a permit or the store does not."""
        return self in _FAILURES


_TEXTS = {
    Reason.STORE_UNAVAILABLE: "the store of answers cannot be reached now",
    Reason.PROVIDER_UNAVAILABLE: "the tax service does not answer now",
    Reason.BAD_REPLY: "the tax service gave a reply that cannot be trusted",
    Reason.PROVIDER_CLOSED: "the tax service takes no more requests for now (rate limit, cool-down or daily limit)",
    Reason.THROTTLED: "the tax service turned this request away (captcha or throttling) and is not asked for a while",
    Reason.PENDING: "the tax service is still working on this request",
    Reason.NOT_CACHED: "the answer is not in the cache",
    Reason.IN_PROGRESS: "another worker is asking for this person now",
    Reason.DEADLINE: "the answer did not come in the time of one request; it is kept if it comes, so ask again",
    Reason.INTERNAL_ERROR: "something went wrong within this service",
}
_FAILURES = frozenset({Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.INTERNAL_ERROR})


class FieldError(NamedTuple):
    """One wrong field: its wire name ("" for the whole request) and what was expected, never its value."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer. `status`: found, not_found or ambiguous; `inn`: 12 digits, "" unless found.

    Times are aware, in UTC; `expires_at` None: it never expires.
    """

    status: Status
    inn: str
    provider: str
    fetched_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Success."""

    request: LookupRequest
    answer: Answer
    cached: bool


@dataclass(frozen=True, slots=True)
class Rejected:
    """Permanent failure: the request or the person's data is invalid."""

    request_id: str | None  # None: the event is not a JSON object; "": it has no valid id
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class Deferred:
    """Temporary failure; try again after `retry_after` seconds (0: unknown)."""

    request: LookupRequest
    reason: Reason
    retry_after: float = 0


@dataclass(frozen=True, slots=True)
class InProgress:
    """Another worker is fetching this person; its answer will be in the store."""

    request: LookupRequest


Outcome = Answered | Rejected | Deferred | InProgress
