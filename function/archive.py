"""What was looked up, for those who run the service: history, and erasing all that is kept of one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from function.outcomes import Status
from function.person import Person

SORT_KEYS = ("time", "status", "provider")
"""What history can be sorted by; a leading "-" turns the order round."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which rows: newest first unless `sort` says otherwise; `since` and `until` are aware times, half-open."""

    limit: int = 20
    skip: int = 0
    sort: str = "-time"
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One lookup that reached a provider. `person` (the request's fields by wire name) and `inn` only if revealed."""

    request_id: str
    time: datetime
    status: Status
    provider: str
    person: dict[str, str] | None = None
    inn: str | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """How much was erased, and the id of the record that proves it."""

    answers: int
    history: int
    record_id: str


class Archive(Protocol):
    """The store's other face. Any method raises `Unavailable(STORE_UNAVAILABLE)` while it cannot be reached."""

    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        """One page of what was looked up."""

    def forget(self, person: Person) -> Erasure:
        """Erase the person's answer and history and keep a record of it without personal data.

        A lookup of the person that is under way may store a new answer afterwards.
        """
