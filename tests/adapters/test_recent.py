from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.answers.recent import KEPT_SEC, RecentAnswers
from function.outcomes import Answer, Status
from function.person import Person
from function.ports import Claim, Unavailable
from tests.adapters.over_the_embedded_store import kept_over
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.stores import Kept, request
from tests.doubles import INN, NOW, Answers, FixedClock

ANSWER = Answer(Status.FOUND, INN, "nalog", NOW, None)
PERSONS = [request(number).person for number in range(5)]


class TestRecentAnswers(AnswerStoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Iterator[Kept]:
        with kept_over(RecentAnswers, tmp_path) as kept:
            yield kept


@dataclass
class Noting(Answers):
    asked_together: list[Sequence[Person]] = field(default_factory=list)

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        self.asked_together.append(persons)
        return super().find_many(persons)


@dataclass
class Room:
    """A memory of two persons over a store, and the clock of both."""

    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    store: Noting = field(default_factory=Noting)

    def __post_init__(self) -> None:
        self.recent = RecentAnswers(self.store, self.clock, capacity=2)

    def later(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)


@pytest.fixture
def room() -> Room:
    return Room()


def test_who_was_met_is_found_again_without_the_store(room: Room) -> None:
    room.store.known[PERSONS[0]] = ANSWER
    assert room.recent.recall(PERSONS[0]) is None
    assert [room.recent.find(PERSONS[0]) for _ in range(3)] == [ANSWER] * 3
    assert room.recent.find_many(PERSONS[:1]) == {PERSONS[0]: ANSWER}
    assert room.recent.recall(PERSONS[0]) == ANSWER
    assert room.store.calls == ["find"]


def test_of_many_the_store_is_asked_for_those_who_were_not_met(room: Room) -> None:
    room.store.known.update(dict.fromkeys(PERSONS[:2], ANSWER))
    room.recent.find(PERSONS[0])
    assert room.recent.find_many(PERSONS[:3]) == dict.fromkeys(PERSONS[:2], ANSWER)
    assert room.store.asked_together == [PERSONS[1:3]]


def test_what_is_saved_or_found_by_a_claim_is_met(room: Room) -> None:
    claim = room.recent.claim(PERSONS[0])
    assert isinstance(claim, Claim)
    room.recent.save(claim, request(0), ANSWER)
    room.store.known[PERSONS[1]] = ANSWER
    assert room.recent.claim(PERSONS[1]) == ANSWER
    assert [room.recent.recall(person) for person in PERSONS[:2]] == [ANSWER, ANSWER]


def test_what_the_store_could_not_keep_is_not_remembered(room: Room) -> None:
    claim = room.recent.claim(PERSONS[0])
    assert isinstance(claim, Claim)
    room.store.down = frozenset({"save"})
    with pytest.raises(Unavailable):
        room.recent.save(claim, request(0), ANSWER)
    assert room.recent.recall(PERSONS[0]) is None


def test_after_a_minute_the_store_is_asked_again(room: Room) -> None:
    room.store.known[PERSONS[0]] = ANSWER
    room.recent.find(PERSONS[0])
    room.store.known.clear()  # as `inn forget` does, from another process
    room.later(KEPT_SEC - 1)
    assert room.recent.find(PERSONS[0]) == ANSWER
    room.later(1)
    assert room.recent.find(PERSONS[0]) is None


def test_an_answer_that_expires_sooner_is_forgotten_then(room: Room) -> None:
    room.store.known[PERSONS[0]] = Answer(Status.FOUND, INN, "nalog", NOW, NOW + timedelta(seconds=5))
    room.recent.find(PERSONS[0])
    room.later(5)
    assert room.recent.recall(PERSONS[0]) is None


def test_the_oldest_goes_first(room: Room) -> None:
    room.store.known.update(dict.fromkeys(PERSONS, ANSWER))
    for person in PERSONS[:3]:
        room.recent.find(person)
    assert [room.recent.recall(person) for person in PERSONS[:3]] == [None, ANSWER, ANSWER]
