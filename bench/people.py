"""Invented persons by number: as requests, as answers, as MongoDB's documents; and whom to ask for next."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from adapters.answers.key_ring import KeyRing
from adapters.mongodb.documents import answer_document
from function.documents import PASSPORT
from function.outcomes import Answer, Status
from function.person import Person
from function.request import LookupRequest, parse

KEY = "a-key-of-the-benchmark-that-is-long-enough"
KEYS = KeyRing([KEY])
FEW = 500  # persons who are asked for again and again
BATCH = 5_000
NEW = 10_000_000  # numbers of persons from here on have no answer

Documents = Collection[dict[str, Any]]


def wire(number: int) -> dict[str, str]:
    """The request for an invented person."""
    return {
        "requestId": f"bench-{number:09}",
        "lastName": "Небывальцев",
        "firstName": "Велимудр",
        "middleName": "Златозарович",
        "birthDate": (date(1940, 1, 1) + timedelta(days=number % 25_000)).isoformat(),
        "documentSerial": f"{1000 + number // 900_000:04}",
        "documentNumber": f"{100_000 + number % 900_000:06}",
    }


def body(number: int) -> bytes:
    """The request as it travels."""
    return json.dumps(wire(number), ensure_ascii=False).encode()


def request(number: int) -> LookupRequest:
    """The request, parsed."""
    parsed = parse(wire(number), date.max)
    assert isinstance(parsed, LookupRequest)
    return parsed


def person(number: int) -> Person:
    """The person of the request, in a tenth of the time that parsing takes."""
    fields = wire(number)
    last, first, middle = (fields[name].casefold() for name in ("lastName", "firstName", "middleName"))
    born = date.fromisoformat(fields["birthDate"])
    return Person(last, first, middle, born, PASSPORT, fields["documentSerial"], fields["documentNumber"])


def answer(number: int) -> Answer:
    """One answer in five is a `not_found`."""
    status = Status.NOT_FOUND if number % 5 == 0 else Status.FOUND
    inn = "770000000082" if status is Status.FOUND else ""
    fetched = datetime.now(UTC) - timedelta(minutes=number % 1_000)
    return Answer(status, inn, "nalog", fetched, fetched + timedelta(days=365))


def answer_in_store(number: int, *, is_asked_for: bool = True) -> dict[str, Any]:
    """The document of an answer; for somebody who is never asked for it is as large and random, in half of the time."""
    key = KEYS.hashes(person(number))[0] if is_asked_for else os.urandom(36)
    return answer_document(key, answer(number), KEYS)


def seed(collection: Documents, count: int, document: Callable[[int], dict[str, Any]]) -> None:
    """Fill a collection as `save` would, many at a time: a batch is made while the server takes another."""

    def insert(first: int) -> None:
        collection.insert_many([document(number) for number in range(first, min(first + BATCH, count))], ordered=False)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(insert, range(0, count, BATCH)))


class Requests:
    """Requests for `seeded` persons with an answer, and for new ones. Each call goes on where the last one ended."""

    def __init__(self, seeded: int = 0) -> None:
        self._seeded = seeded
        self._next = FEW
        self._next_new = NEW

    def stored(self, count: int) -> list[bytes]:
        """For persons that nobody was asked for: the answer has to be read from the store."""
        numbers = range(self._next, self._next + count)
        self._next = numbers.stop
        assert self._next <= self._seeded, "too few persons have an answer"
        return [body(number) for number in numbers]

    def mostly_cached(self, count: int) -> list[bytes]:
        """Nine of ten for the few persons, whose answers a process has cached."""
        others = iter(self.stored(count // 10 + 1))
        return [body(number % FEW) if number % 10 else next(others) for number in range(count)]

    def new(self, count: int) -> list[bytes]:
        """For persons that nobody was ever asked for."""
        first, self._next_new = self._next_new, self._next_new + count
        return [body(number) for number in range(first, self._next_new)]


def seed_answers(uri: str, database: str, count: int) -> Requests:
    """Insert the answers of the first `count` persons; returns the requests for them."""
    with MongoClient[dict[str, Any]](uri) as client:
        seed(client[database]["answers"], count, answer_in_store)
    return Requests(count)
