"""A transaction that was left behind, by a worker that was killed or a network that was cut, is one person's trouble."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from adapters.answers.encryption import Sealer
from adapters.mongodb import MongoStore
from function.ports import Claim, Unavailable
from tests.adapters.mongodb.conftest import KEY, Place
from tests.contracts.stores import Kept, at_once, request

PERSONS = 12
HELD = 3
"""Whose answer the transaction holds."""
OTHERS = set(range(PERSONS)) - {HELD}


@contextmanager
def left_behind(place: Place) -> Iterator[None]:
    """Within it somebody's transaction has written the person's answer, and goes neither on nor back."""
    key = Sealer([KEY]).id(request(HELD).person)
    with place.raw.client.start_session() as session, session.start_transaction():
        place.raw["answers"].update_one({"_id": key}, {"$set": {"seen": 1}}, upsert=True, session=session)
        yield
        session.abort_transaction()


def all_but_the_held(work: Callable[[int], object]) -> set[int]:
    """Who was worked on, of all at once; who was not must be told to wait."""

    def done(number: int) -> bool:
        try:
            work(number)
        except Unavailable:
            return False
        return True

    return {number for number, well in enumerate(at_once(done, PERSONS)) if well}


@pytest.fixture
def place(prepared: tuple[Place, MongoStore]) -> Place:
    return prepared[0]


@pytest.fixture
def store(place: Place) -> Iterator[MongoStore]:
    with closing(place.store(operation=1)) as store:
        yield store


def test_others_are_claimed_and_it_is_claimed_once_it_is_free(place: Place, store: MongoStore) -> None:
    claims: dict[int, object] = {}

    def claim(number: int) -> None:
        claims[number] = store.claim(request(number).person)

    with left_behind(place):
        assert all_but_the_held(claim) == OTHERS
    claim(HELD)
    assert [type(claims[number]) for number in sorted(claims)] == [Claim] * PERSONS


def test_others_are_saved_and_it_is_saved_once_it_is_free(place: Place, store: MongoStore) -> None:
    kept: Kept = place.kept(store)
    claims = [kept.claimed(request(number)) for number in range(PERSONS)]

    def save(number: int) -> None:
        store.save(claims[number], request(number), kept.answer())

    with left_behind(place):
        assert all_but_the_held(save) == OTHERS
    save(HELD)
    persons = [request(number).person for number in range(PERSONS)]
    assert store.find_many(persons) == dict.fromkeys(persons, kept.answer())
    assert place.raw["history"].count_documents({}) == PERSONS
