"""Answers and claims."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from pydantic_core import to_json

from function.history import person_fields
from function.outcomes import Answer, Status
from function.person import Person
from function.ports import Claim
from function.request import LookupRequest
from local_runtime.store.part import Part

_FIND = """
SELECT person, status, inn, provider, fetched_at, expires_at FROM answers
WHERE person IN ({marks}) AND (expires_at IS NULL OR expires_at > ?)
"""
_FIND_ONE = _FIND.format(marks="?")
# A claim whose lease has ended is anybody's.
_CLAIM = """
INSERT INTO claims (person, token, until) VALUES (?, ?, ?)
ON CONFLICT (person) DO UPDATE SET token = excluded.token, until = excluded.until WHERE claims.until <= ?
"""
_RELEASE = "DELETE FROM claims WHERE person = ? AND token = ?"
# Of two answers, and of two ends of one request, the later one stays, in whatever order they are saved.
_SAVE = """
INSERT INTO answers (person, status, inn, provider, fetched_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (person) DO UPDATE SET status = excluded.status, inn = excluded.inn, provider = excluded.provider,
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at WHERE excluded.fetched_at >= answers.fetched_at
"""
_RECORD = """
INSERT INTO history (person, request_id, time, status, provider, fields, inn) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (person, request_id) DO UPDATE SET time = excluded.time, status = excluded.status,
    provider = excluded.provider, fields = excluded.fields, inn = excluded.inn WHERE excluded.time >= history.time
"""


class EmbeddedAnswers(Part):
    """The AnswerStore."""

    def find(self, person: Person) -> Answer | None:
        """See AnswerStore."""
        with self._database.reading() as connection:
            return _found(connection, person, self._now())

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """See AnswerStore."""
        wanted = {person.identity: person for person in persons}
        query = _FIND.format(marks=", ".join("?" * len(wanted)))
        with self._database.reading() as connection:
            rows = connection.execute(query, (*wanted, self._now())).fetchall()
        return {wanted[row[0]]: _answer(row) for row in rows}

    def claim(self, person: Person) -> Claim | Answer | None:
        """See AnswerStore."""
        claim = Claim(person, uuid4().hex)
        with self._database.writing() as connection:
            now = self._now()
            known = _found(connection, person, now)
            if known is not None:
                return known
            taken = connection.execute(_CLAIM, (person.identity, claim.token, now + self._lease, now))
            return claim if taken.rowcount else None

    def release(self, claim: Claim) -> None:
        """See AnswerStore."""
        with self._database.writing() as connection:
            connection.execute(_RELEASE, (claim.person.identity, claim.token))

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """See AnswerStore. Of two answers the one that was fetched later stays, in whatever order they come."""
        person = claim.person.identity
        fetched_at = answer.fetched_at.timestamp()
        fields = to_json(person_fields(request)).decode()
        with self._database.writing() as connection:
            connection.execute(
                _SAVE, (person, answer.status, answer.inn, answer.provider, fetched_at, _seconds(answer.expires_at))
            )
            connection.execute(
                _RECORD, (person, request.request_id, fetched_at, answer.status, answer.provider, fields, answer.inn)
            )
            connection.execute(_RELEASE, (person, claim.token))


def _found(connection: sqlite3.Connection, person: Person, now: float) -> Answer | None:
    row = connection.execute(_FIND_ONE, (person.identity, now)).fetchone()
    return None if row is None else _answer(row)


def _answer(row: tuple[bytes, str, str, str, float, float | None]) -> Answer:
    _, status, inn, provider, fetched_at, expires_at = row
    return Answer(Status(status), inn, provider, _time(fetched_at), None if expires_at is None else _time(expires_at))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
