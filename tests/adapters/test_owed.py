from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.answers.owed import CLOCKS_SEC, OWED_SEC, OwedAnswers
from function.handler import handle
from function.outcomes import Answer, Answered, Deferred, Outcome, Reason
from function.ports import Claim
from function.request import LookupRequest
from tests.adapters.over_the_embedded_store import kept_over
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.stores import Kept, request
from tests.doubles import NOW, Answers, World, event


class TestOwedAnswers(AnswerStoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Iterator[Kept]:
        with kept_over(OwedAnswers, tmp_path) as kept:
            yield kept


NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Erasing(Answers):
    """Answers of which some were erased, or others' were: that cannot be told. `erased`: when.

    To save what these requests fetched is a bug: `faulty`.
    """

    erased: datetime = NEVER
    faulty: frozenset[str] = frozenset()

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        if request.request_id in self.faulty:
            raise ZeroDivisionError
        super().save(claim, request, answer)

    def erased_since(self, time: datetime) -> bool:
        self._called("erased_since")
        return self.erased >= time


class Room:
    """A world whose store can be away, and what is owed to it."""

    def __init__(self, capacity: int = 2) -> None:
        self.store = Erasing()
        self.world = World(self.store)
        self.owed = OwedAnswers(self.store, self.world.clock, capacity)

    def asks(self, number: int = 1, **changes: str) -> Outcome:
        wanted = event(**{"requestId": f"r-{number}", "documentNumber": f"{100_000 + number}", **changes})
        return handle(wanted, replace(self.world.ports, answers=self.owed))

    def asks_while_nothing_is_saved(self, number: int = 1) -> None:
        self.world.answers.down = frozenset({"save"})
        outcome = self.asks(number)
        assert isinstance(outcome, Deferred)
        assert outcome.reason is Reason.STORE_UNAVAILABLE
        self.world.answers.down = frozenset()

    @property
    def finds(self) -> list[str]:
        return [asked.request_id for asked in self.world.provider.asked]


@pytest.fixture
def room() -> Room:
    return Room()


def test_what_could_not_be_saved_is_saved_by_the_next_lookup_and_not_asked_for_again(room: Room) -> None:
    room.asks_while_nothing_is_saved()
    outcome = room.asks()
    assert isinstance(outcome, Answered)
    assert room.world.answers.known == {request().person: outcome.answer}
    assert room.finds == ["r-1"]
    assert room.asks() == outcome
    assert room.world.answers.calls.count("save") == 2


def test_while_the_store_stays_away_it_stays_owed(room: Room) -> None:
    for _ in range(3):
        room.asks_while_nothing_is_saved()
    assert isinstance(room.asks(), Answered)
    assert room.finds == ["r-1"]


def test_what_could_not_be_saved_by_a_fault_is_owed_as_well(room: Room) -> None:
    room.store.faulty = frozenset({"r-1"})
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            room.asks()
    room.store.faulty = frozenset()
    assert isinstance(room.asks(), Answered)
    assert room.finds == ["r-1"]


def test_after_long_it_is_asked_for_anew(room: Room) -> None:
    room.asks_while_nothing_is_saved()
    room.world.answers.claims.clear()
    room.world.clock.time += timedelta(seconds=OWED_SEC)
    assert isinstance(room.asks(), Answered)
    assert room.finds == ["r-1", "r-1"]


@pytest.mark.parametrize(
    ("erased", "finds"),
    [(1, ["r-1", "r-2"]), (0, ["r-1", "r-2"]), (-CLOCKS_SEC, ["r-1", "r-2"]), (-CLOCKS_SEC - 1, ["r-1"])],
    ids=["after it was fetched", "just then", "just then, by a slow clock", "long before"],
)
def test_once_anybody_was_erased_it_is_asked_for_anew_and_not_written_again(
    room: Room, erased: float, finds: list[str]
) -> None:
    room.asks_while_nothing_is_saved()
    room.store.erased = NOW + timedelta(seconds=erased)
    assert isinstance(room.asks(requestId="r-2"), Answered)
    assert room.finds == finds
    # The one that was refused, and the one that was kept.
    assert room.store.calls.count("save") == 2


def test_while_nobody_can_say_whether_anybody_was_erased_it_stays_owed(room: Room) -> None:
    room.asks_while_nothing_is_saved()
    room.store.down = frozenset({"erased_since"})
    assert isinstance(room.asks(), Deferred)
    room.store.down = frozenset()
    assert isinstance(room.asks(), Answered)
    assert room.finds == ["r-1"]


@pytest.mark.parametrize(
    ("erased", "down", "calls"),
    [
        (NEVER, "", ["erased_since", "save", "erased_since", "save"]),
        (NOW, "", ["erased_since", "release", "erased_since", "release"]),
        (NEVER, "save", ["erased_since", "save"]),
        (NEVER, "erased_since", ["erased_since"]),
    ],
    ids=["the store is back", "anybody was erased", "nothing is saved", "the store is away"],
)
def test_at_the_end_the_store_gets_what_it_is_owed(room: Room, erased: datetime, down: str, calls: list[str]) -> None:
    for number in (1, 2):
        room.asks_while_nothing_is_saved(number)
    room.store.erased, room.store.down = erased, frozenset({down})
    room.store.calls.clear()
    room.owed.close()
    assert room.store.calls == calls
    assert bool(room.store.claims) == bool(down)


def test_at_the_end_one_that_cannot_be_saved_keeps_no_other_from_it(room: Room) -> None:
    for number in (1, 2):
        room.asks_while_nothing_is_saved(number)
    room.store.faulty = frozenset({"r-1"})
    room.owed.close()
    assert set(room.store.known) == {request(2).person}


def test_of_too_many_the_oldest_is_let_go(room: Room) -> None:
    for number in (1, 2, 3):
        room.asks_while_nothing_is_saved(number)
    assert [type(room.asks(number)).__name__ for number in (1, 2, 3)] == ["InProgress", "Answered", "Answered"]
