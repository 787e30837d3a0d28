"""History and erasure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from pydantic_core import from_json

from function.history import Erasure, HistoryQuery, HistoryRow
from function.outcomes import Status
from function.person import Person
from local_runtime.store.part import Part

_PAGE = """
SELECT request_id, time, status, provider, fields, inn FROM history
WHERE (:status IS NULL OR status = :status)
    AND (:since IS NULL OR time >= :since) AND (:until IS NULL OR time < :until)
ORDER BY {key} {way}, time {way}, person, request_id LIMIT :limit OFFSET :skip
"""
_ERASED = "INSERT INTO erasures (record_id, time, answers, history) VALUES (?, ?, ?, ?)"
_ERASED_SINCE = "SELECT 1 FROM erasures WHERE time >= ? LIMIT 1"

_Row = tuple[str, float, str, str, str, str]


class EmbeddedArchive(Part):
    """The Archive."""

    def history(self, query: HistoryQuery, *, reveal: bool = False) -> Sequence[HistoryRow]:
        """See Archive."""
        # The key is one of SORT_KEYS, which a HistoryQuery makes sure of.
        page = _PAGE.format(key=query.sort_key, way="DESC" if query.descending else "ASC")
        wanted = {
            "status": query.status,
            "since": _seconds(query.since),
            "until": _seconds(query.until),
            "limit": query.limit,
            "skip": query.skip,
        }
        with self._database.reading() as connection:
            rows: list[_Row] = connection.execute(page, wanted).fetchall()
        return [_row(row, reveal=reveal) for row in rows]

    def forget(self, person: Person) -> Erasure:
        """See Archive."""
        record_id = uuid4().hex
        with self._database.writing() as connection:
            answers = connection.execute("DELETE FROM answers WHERE person = ?", (person.identity,)).rowcount
            history = connection.execute("DELETE FROM history WHERE person = ?", (person.identity,)).rowcount
            connection.execute(_ERASED, (record_id, self._now(), answers, history))
        return Erasure(answers, history, record_id)

    def erased_since(self, time: datetime) -> bool:
        """See Archive."""
        with self._database.reading() as connection:
            return connection.execute(_ERASED_SINCE, (time.timestamp(),)).fetchone() is not None


def _row(row: _Row, *, reveal: bool) -> HistoryRow:
    request_id, time, status, provider, fields, inn = row
    bare = HistoryRow(request_id, datetime.fromtimestamp(time, UTC), Status(status), provider)
    if not reveal:
        return bare
    return HistoryRow(bare.request_id, bare.time, bare.status, bare.provider, from_json(fields), inn)


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
