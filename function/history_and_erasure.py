"""History of lookups, for operators, and erasing one person's data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from function.outcomes import Status
from function.person import Person
from function.request import LookupRequest

SORT_KEYS = ("time", "status", "provider")  # keys to sort history by; a leading "-" reverses the order


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Selects rows. `since` (inclusive) and `until` (exclusive) are aware times. Raises ValueError."""

    limit: int = 20
    skip: int = 0
    sort: str = "-time"
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.sort_key not in SORT_KEYS:
            raise ValueError(f"sort must be one of {', '.join(SORT_KEYS)}, with a - before it for the other way round")
        if self.limit < 1 or self.skip < 0:
            raise ValueError("limit must be 1 or more, skip 0 or more")

    @property
    def sort_key(self) -> str:
        """One of SORT_KEYS."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the order is reversed."""
        return self.sort.startswith("-")


class HistoryRow(NamedTuple):
    """One lookup that reached a provider. `person` (the request's fields by wire name) and `inn` only if revealed."""

    request_id: str
    time: datetime
    status: Status
    provider: str
    person: dict[str, str] | None = None
    inn: str | None = None


class Erasure(NamedTuple):
    """How many answers and rows of history were erased, and the id of the record that proves it."""

    answers: int
    history: int
    record_id: str


def person_fields(request: LookupRequest) -> dict[str, str]:
    """The person's fields by wire name, in the client's spelling, without empty ones."""
    fields = request.model_dump(mode="json", by_alias=True, exclude={"request_id"})
    return {name: value for name, value in fields.items() if value}


class HistoryStore(Protocol):
    """Stores the rows of history. Any method raises `Unavailable(STORE_UNAVAILABLE)` while it cannot be reached."""

    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        """One page of rows."""

    def forget(self, person: Person) -> Erasure:
        """Erase the person's data and store a record without personal data. A lookup under way may store a new answer."""

    def erased_since(self, time: datetime) -> bool:
        """Whether any person was erased at `time` or later, by the eraser's clock. Records do not identify persons."""
