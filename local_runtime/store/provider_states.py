"""Stores the provider states; `function.rate_limit` decides, within a transaction."""

import sqlite3
from dataclasses import astuple

from typing_extensions import override

from function.rate_limit import (
    Denied,
    Permit,
    ProviderState,
    RateLimit,
    RateLimiter,
    circuit_denial,
    close_circuit,
    open_circuit,
    take_permit,
)
from local_runtime.store.database import EmbeddedBase

_READ = "SELECT next_free, closed_until, level, probe_until, day, count FROM providers WHERE name = ?"
_WRITE = """
INSERT OR REPLACE INTO providers (name, next_free, closed_until, level, probe_until, day, count)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class EmbeddedRateLimiter(EmbeddedBase, RateLimiter):
    """The RateLimiter."""

    @override
    def acquire(self, provider: str, limit: RateLimit) -> Permit | Denied:
        with self._database.writing() as connection:
            state = _read(connection, provider)
            after, result = take_permit(state, limit, self._now())
            _write(connection, provider, state, after)
            return result

    @override
    def cool_down(self, provider: str, limit: RateLimit, at_least: float = 0) -> float:
        with self._database.writing() as connection:
            state = _read(connection, provider)
            now = self._now()
            after = open_circuit(state, limit, now, at_least)
            _write(connection, provider, state, after)
            return max(0.0, after.open_until - now)

    @override
    def recover(self, provider: str) -> None:
        with self._database.writing() as connection:
            state = _read(connection, provider)
            _write(connection, provider, state, close_circuit(state, self._now()))

    @override
    def check(self, provider: str, limit: RateLimit) -> Denied | None:
        with self._database.reading() as connection:
            return circuit_denial(_read(connection, provider), limit, self._now())


def _read(connection: sqlite3.Connection, provider: str) -> ProviderState:
    row = connection.execute(_READ, (provider,)).fetchone()
    return ProviderState() if row is None else ProviderState(*row)


def _write(connection: sqlite3.Connection, provider: str, before: ProviderState, after: ProviderState) -> None:
    if after != before:
        connection.execute(_WRITE, (provider, *astuple(after)))
