import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.answers.fleeting import Fleeting
from tests.contracts.stores import at_once, request
from tests.doubles import NOW, FixedClock
from tests.servers.process import wait_for

PERSONS = [request(number).person for number in range(40)]
MINUTE = timedelta(minutes=1)


class Room:
    """A memory of three, where only what a test does lets go of anybody, and its clock."""

    def __init__(self, sweep: float = 3600) -> None:
        self.clock = FixedClock(NOW)
        self.memory: Fleeting[str] = Fleeting(self.clock, 3, sweep)

    def put(self, *numbers: int, value: str = "met", minutes: float = 1, age: float = 0) -> None:
        for number in numbers:
            now = self.clock.now()
            self.memory.put(PERSONS[number], value, now - age * MINUTE, now + minutes * MINUTE)

    @property
    def known(self) -> list[int]:
        """Whose number is known, one by one and all together."""
        known = [number for number, person in enumerate(PERSONS) if self.memory.get(person) is not None]
        assert len(self.memory.values()) == len(known)
        return known


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_who_is_put_is_there_until_their_time_is_over(room: Room) -> None:
    room.put(1)
    room.clock.time += 0.99 * MINUTE
    assert room.known == [1]
    room.clock.time += 0.01 * MINUTE
    assert room.known == []


def test_who_is_taken_out_is_gone(room: Room) -> None:
    room.put(1, 2)
    room.memory.pop(PERSONS[1])
    room.memory.pop(PERSONS[3])
    assert room.known == [2]


def test_of_too_many_the_oldest_goes_and_who_is_met_again_is_among_the_newest(room: Room) -> None:
    room.put(1, 2, 3, 1, 4)
    assert room.known == [1, 3, 4]


def test_of_two_values_the_one_made_later_stays(room: Room) -> None:
    room.put(1, value="newer")
    room.put(1, value="older", age=1)
    assert room.memory.get(PERSONS[1]) == "newer"
    room.put(1, value="newest")
    assert room.memory.get(PERSONS[1]) == "newest"


def test_who_comes_lets_go_of_whoever_is_past_their_time(room: Room) -> None:
    room.put(1, 2)
    room.clock.time += 2 * MINUTE
    room.put(3)
    assert len(room.memory) == 1


def test_while_no_call_comes_nobody_stays_beyond_their_time() -> None:
    room = Room(sweep=0.01)
    room.put(1, minutes=5)
    room.put(2)
    room.clock.time += 2 * MINUTE
    wait_for(lambda: len(room.memory) == 1, within=10, what="the second to go, though the first is before it")
    room.clock.time += 5 * MINUTE
    wait_for(lambda: not len(room.memory), within=10, what="the first to go")
    room.put(3)
    room.clock.time += 2 * MINUTE
    wait_for(lambda: not len(room.memory), within=10, what="the third to go")


@pytest.mark.usefixtures("hurried")
def test_many_threads_put_and_take_side_by_side(room: Room) -> None:
    def work(turn: int) -> None:
        for number in range(len(PERSONS)):
            room.put((number + turn) % len(PERSONS), minutes=0 if number % 2 else 1)
            room.memory.pop(PERSONS[number])

    at_once(work, 40)
    assert len(room.memory) <= 3
