"""Stores history, and erases a person's data."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from pydantic_core import from_json
from typing_extensions import override

from function.history_and_erasure import Erasure, HistoryQuery, HistoryRow, HistoryStore
from function.outcomes import Status
from function.person import Person
from local_runtime.store.database import EmbeddedBase, seconds_of, time_of

_PAGE = """
SELECT request_id, time, status, provider, fields, inn FROM history
WHERE (:status IS NULL OR status = :status)
    AND (:since IS NULL OR time >= :since) AND (:until IS NULL OR time < :until)
ORDER BY {key} {direction}, time {direction}, person, request_id LIMIT :limit OFFSET :skip
"""
_ERASED = "INSERT INTO erasures (record_id, time, answers, history) VALUES (?, ?, ?, ?)"
_ERASED_SINCE = "SELECT 1 FROM erasures WHERE time >= ? LIMIT 1"

_Row = tuple[str, float, str, str, str, str]


class EmbeddedHistory(EmbeddedBase, HistoryStore):
    """The HistoryStore."""

    @override
    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        # A HistoryQuery's sort key is one of SORT_KEYS.
        page = _PAGE.format(key=query.sort_key, direction="DESC" if query.descending else "ASC")
        parameters = {
            "status": query.status,
            "since": seconds_of(query.since),
            "until": seconds_of(query.until),
            "limit": query.limit,
            "skip": query.skip,
        }
        with self._database.reading() as connection:
            rows: list[_Row] = connection.execute(page, parameters).fetchall()
        return [_row(row, reveal=reveal) for row in rows]

    @override
    def forget(self, person: Person) -> Erasure:
        record_id = uuid4().hex
        with self._database.writing() as connection:
            answers = connection.execute("DELETE FROM answers WHERE person = ?", (person.identity,)).rowcount
            history = connection.execute("DELETE FROM history WHERE person = ?", (person.identity,)).rowcount
            connection.execute("DELETE FROM tickets WHERE person = ?", (person.identity,))
            connection.execute(_ERASED, (record_id, self._now(), answers, history))
        return Erasure(answers, history, record_id)

    @override
    def erased_since(self, time: datetime) -> bool:
        with self._database.reading() as connection:
            return connection.execute(_ERASED_SINCE, (time.timestamp(),)).fetchone() is not None


def _row(row: _Row, *, reveal: bool) -> HistoryRow:
    request_id, time, status, provider, fields, inn = row
    personal = (from_json(fields), inn) if reveal else ()
    return HistoryRow(request_id, time_of(time), Status(status), provider, *personal)
