"""Stores answers, claims and tickets."""

import sqlite3
from collections.abc import Mapping, Sequence
from uuid import uuid4

from pydantic_core import to_json
from typing_extensions import override

from function.history_and_erasure import person_fields
from function.outcomes import Answer, Status
from function.person import Person
from function.ports import AnswerStore, Claim, Ticket
from function.request import LookupRequest
from local_runtime.store.database import EmbeddedBase, seconds_of, time_of

_FIND = """
SELECT person, status, inn, provider, fetched_at, expires_at FROM answers
WHERE person IN ({marks}) AND (expires_at IS NULL OR expires_at > ?)
"""
_FIND_ONE = _FIND.format(marks="?")
_FIND_TICKET = "SELECT ticket FROM tickets WHERE person = ? AND until > ?"
# A claim whose lease has ended can be taken over.
_CLAIM = """
INSERT INTO claims (person, token, until) VALUES (?, ?, ?)
ON CONFLICT (person) DO UPDATE SET token = excluded.token, until = excluded.until WHERE claims.until <= ?
"""
_RENEW = "UPDATE claims SET until = ? WHERE person = ? AND token = ?"
_RELEASE = "DELETE FROM claims WHERE person = ? AND token = ?"
# A claim that waits has no token, so that a late release or renewal does not apply to it.
_WAIT = "INSERT OR REPLACE INTO claims (person, token, until) VALUES (?, '', ?)"
_LOST = """
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM claims WHERE person = :person AND token = :token) AND (
    EXISTS (SELECT 1 FROM claims WHERE person = :person AND until > :now)
    OR EXISTS (SELECT 1 FROM tickets WHERE person = :person AND until > :now))
"""
_KEEP_TICKET = "INSERT OR REPLACE INTO tickets (person, ticket, until) VALUES (?, ?, ?)"
_DROP_TICKET = "DELETE FROM tickets WHERE person = ?"
# Of two answers, and of two rows of one request, the later one stays, in whatever order they are saved.
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


class EmbeddedAnswerStore(EmbeddedBase, AnswerStore):
    """The AnswerStore."""

    @override
    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        wanted = {person.identity: person for person in persons}
        query = _FIND.format(marks=", ".join("?" * len(wanted)))
        with self._database.reading() as connection:
            rows = connection.execute(query, (*wanted, self._now())).fetchall()
        return {wanted[row[0]]: _answer(row) for row in rows}

    @override
    def find_or_claim(self, person: Person) -> Answer | Claim | None:
        with self._database.writing() as connection:
            now = self._now()
            answer = _find(connection, person, now)
            if answer is not None:
                return answer
            token = uuid4().hex
            if not connection.execute(_CLAIM, (person.identity, token, now + self._lease, now)).rowcount:
                return None
            row = connection.execute(_FIND_TICKET, (person.identity, now)).fetchone()
            return Claim(person, token, row and Ticket.from_json(row[0]))

    @override
    def keep_ticket(self, claim: Claim, ticket: Ticket, wait: float) -> None:
        person = claim.person.identity
        with self._database.writing() as connection:
            now = self._now()
            lost = connection.execute(_LOST, {"person": person, "token": claim.token, "now": now}).fetchone()
            if not lost and _find(connection, claim.person, now) is None:
                connection.execute(_WAIT, (person, now + wait))
                connection.execute(_KEEP_TICKET, (person, ticket.to_json(), ticket.expires_at.timestamp()))

    @override
    def release(self, claim: Claim) -> None:
        if claim.ticket is not None:
            self.keep_ticket(claim, claim.ticket, wait=0)
            return
        with self._database.writing() as connection:
            if connection.execute(_RELEASE, (claim.person.identity, claim.token)).rowcount:
                connection.execute(_DROP_TICKET, (claim.person.identity,))

    @override
    def renew(self, claims: Sequence[Claim]) -> None:
        with self._database.writing() as connection:
            until = self._now() + self._lease
            connection.executemany(_RENEW, [(until, claim.person.identity, claim.token) for claim in claims])

    @override
    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """Of two answers the one that was fetched later stays, in whatever order they are saved."""
        person = claim.person.identity
        fetched_at = answer.fetched_at.timestamp()
        fields = to_json(person_fields(request)).decode()
        with self._database.writing() as connection:
            connection.execute(
                _SAVE, (person, answer.status, answer.inn, answer.provider, fetched_at, seconds_of(answer.expires_at))
            )
            connection.execute(
                _RECORD, (person, request.request_id, fetched_at, answer.status, answer.provider, fields, answer.inn)
            )
            connection.execute(_RELEASE, (person, claim.token))
            connection.execute(_DROP_TICKET, (person,))


def _find(connection: sqlite3.Connection, person: Person, now: float) -> Answer | None:
    row = connection.execute(_FIND_ONE, (person.identity, now)).fetchone()
    return None if row is None else _answer(row)


def _answer(row: tuple[bytes, str, str, str, float, float | None]) -> Answer:
    _, status, inn, provider, fetched_at, expires_at = row
    expires = None if expires_at is None else time_of(expires_at)
    return Answer(Status(status), inn, provider, time_of(fetched_at), expires)
