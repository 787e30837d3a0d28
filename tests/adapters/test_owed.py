from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.owed import OWED_SEC, OwedAnswers
from function.handler import handle
from function.outcomes import Answered, Deferred, Outcome, Reason
from tests.adapters.over_the_embedded_store import kept_over
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.kept import Kept, request
from tests.core.worlds import World, event


class TestOwedAnswers(AnswerStoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Iterator[Kept]:
        with kept_over(OwedAnswers, tmp_path) as kept:
            yield kept


class Room:
    """A world whose store can be away, and what is owed to it."""

    def __init__(self, capacity: int = 2) -> None:
        self.world = World()
        self.owed = OwedAnswers(self.world.answers, self.world.clock, capacity)

    def asks(self, number: int = 1) -> Outcome:
        wanted = event(requestId=f"r-{number}", documentNumber=f"{100_000 + number}")
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


def test_after_long_it_is_asked_for_anew(room: Room) -> None:
    room.asks_while_nothing_is_saved()
    room.world.answers.claims.clear()
    room.world.clock.time += timedelta(seconds=OWED_SEC)
    assert isinstance(room.asks(), Answered)
    assert room.finds == ["r-1", "r-1"]


def test_of_too_many_the_oldest_is_let_go(room: Room) -> None:
    for number in (1, 2, 3):
        room.asks_while_nothing_is_saved(number)
    assert [type(room.asks(number)).__name__ for number in (1, 2, 3)] == ["InProgress", "Answered", "Answered"]
