"""Invented persons by number, as requests, as answers and as what MongoDB keeps of them."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from adapters.answers.encryption import KeyRing
from adapters.mongodb.documents import answer_document
from function.documents import PASSPORT
from function.outcomes import Answer, Status
from function.person import Person
from function.request import LookupRequest, parse

KEY = "a-key-of-the-benchmark-that-is-long-enough"
SEALER = KeyRing([KEY])
CHUNK = 5_000

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
    """The same as it travels."""
    return json.dumps(wire(number), ensure_ascii=False).encode()


def request(number: int) -> LookupRequest:
    """The same, read."""
    parsed = parse(wire(number), date.max)
    assert isinstance(parsed, LookupRequest)
    return parsed


def person(number: int) -> Person:
    """Whom it asks for: what reading it gives, in a tenth of the time."""
    asked = wire(number)
    last, first, middle = (asked[name].casefold() for name in ("lastName", "firstName", "middleName"))
    born = date.fromisoformat(asked["birthDate"])
    return Person(last, first, middle, born, PASSPORT, asked["documentSerial"], asked["documentNumber"])


def answer(number: int) -> Answer:
    """One answer in five is a `not_found`."""
    status = Status.NOT_FOUND if number % 5 == 0 else Status.FOUND
    fetched = datetime.now(UTC) - timedelta(minutes=number % 1_000)
    return Answer(
        status, "770000000082" if status is Status.FOUND else "", "nalog", fetched, fetched + timedelta(days=365)
    )


def kept_answer(number: int) -> dict[str, Any]:
    """The document of an answer."""
    return answer_document(SEALER.hash(person(number)), answer(number), SEALER)


def seed(collection: Documents, count: int, document: Callable[[int], dict[str, Any]]) -> None:
    """Fill a collection as `save` would, many at a time."""
    for first in range(0, count, CHUNK):
        collection.insert_many([document(number) for number in range(first, min(first + CHUNK, count))], ordered=False)


def seed_answers(uri: str, database: str, count: int) -> None:
    """Answers of the first `count` persons."""
    with MongoClient[dict[str, Any]](uri) as client:
        seed(client[database]["answers"], count, kept_answer)
