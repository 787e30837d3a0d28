"""A transaction that was abandoned, by a worker that was killed or a network that was cut, blocks one person only."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from adapters.answers.encryption import KeyRing
from adapters.mongodb import MongoStore
from function.ports import Claim, Unavailable
from tests.adapters.mongodb.conftest import KEY, Place
from tests.contracts.stores import StoreHarness, at_once, request

PERSONS = 12
BLOCKED = 3
"""Whose answer the transaction has written."""
OTHERS = set(range(PERSONS)) - {BLOCKED}


@contextmanager
def abandoned_transaction(place: Place) -> Iterator[None]:
    """Within it a transaction has written the person's answer, and is neither committed nor aborted."""
    key = KeyRing([KEY]).hash(request(BLOCKED).person)
    with place.raw.client.start_session() as session, session.start_transaction():
        place.raw["answers"].update_one({"_id": key}, {"$set": {"seen": 1}}, upsert=True, session=session)
        yield
        session.abort_transaction()


def all_but_the_blocked(work: Callable[[int], object]) -> set[int]:
    """Those for whom the work was done, of all at once; for the others it was Unavailable."""

    def is_done(number: int) -> bool:
        try:
            work(number)
        except Unavailable:
            return False
        return True

    return {number for number, done in enumerate(at_once(is_done, PERSONS)) if done}


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
        claims[number] = store.find_or_claim(request(number).person)

    with abandoned_transaction(place):
        assert all_but_the_blocked(claim) == OTHERS
    claim(BLOCKED)
    assert [type(claims[number]) for number in sorted(claims)] == [Claim] * PERSONS


def test_tickets_of_others_are_kept(place: Place, store: MongoStore) -> None:
    harness = place.harness(store)
    claims = [harness.claim(request(number)) for number in range(PERSONS)]

    def keep(number: int) -> None:
        store.keep_ticket(claims[number], harness.ticket(), 0)

    with abandoned_transaction(place):
        assert all_but_the_blocked(keep) == OTHERS
    keep(BLOCKED)
    assert {harness.claim(request(number)).ticket for number in range(PERSONS)} == {harness.ticket()}


def test_others_are_saved_and_it_is_saved_once_it_is_free(place: Place, store: MongoStore) -> None:
    harness: StoreHarness = place.harness(store)
    claims = [harness.claim(request(number)) for number in range(PERSONS)]

    def save(number: int) -> None:
        store.save(claims[number], request(number), harness.answer())

    with abandoned_transaction(place):
        assert all_but_the_blocked(save) == OTHERS
    save(BLOCKED)
    persons = [request(number).person for number in range(PERSONS)]
    assert store.find_many(persons) == dict.fromkeys(persons, harness.answer())
    assert place.raw["history"].count_documents({}) == PERSONS
