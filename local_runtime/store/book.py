"""The providers' shared state: `pacing` decides, one transaction at a time."""

import sqlite3
from dataclasses import astuple

from function import rate_limit as pacing
from function.rate_limit import Entry, Pace, Shut, Turn
from local_runtime.store.part import Part

_READ = "SELECT next_free, closed_until, level, probe_until, day, count FROM providers WHERE name = ?"
_WRITE = """
INSERT OR REPLACE INTO providers (name, next_free, closed_until, level, probe_until, day, count)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class EmbeddedBook(Part):
    """The ProviderBook."""

    def take(self, provider: str, pace: Pace, patience: float) -> Turn | Shut:
        """See ProviderBook."""
        with self._database.writing() as connection:
            entry = _read(connection, provider)
            after, told = pacing.decide(entry, pace, self._now(), patience)
            _write(connection, provider, entry, after)
            return told

    def cool(self, provider: str, pace: Pace, at_least: float = 0) -> float:
        """See ProviderBook."""
        with self._database.writing() as connection:
            entry = _read(connection, provider)
            now = self._now()
            after = pacing.cooled(entry, pace, now, at_least)
            _write(connection, provider, entry, after)
            return max(0.0, after.closed_until - now)

    def clear(self, provider: str) -> None:
        """See ProviderBook."""
        with self._database.writing() as connection:
            entry = _read(connection, provider)
            _write(connection, provider, entry, pacing.cleared(entry, self._now()))

    def look(self, provider: str, pace: Pace) -> Shut | None:
        """See ProviderBook."""
        with self._database.reading() as connection:
            return pacing.closed(_read(connection, provider), pace, self._now())


def _read(connection: sqlite3.Connection, provider: str) -> Entry:
    row = connection.execute(_READ, (provider,)).fetchone()
    return Entry() if row is None else Entry(*row)


def _write(connection: sqlite3.Connection, provider: str, before: Entry, after: Entry) -> None:
    if after != before:
        connection.execute(_WRITE, (provider, *astuple(after)))
