"""The database: its tables, a connection for whoever needs one, and writes that come one after another."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from function.outcomes import Reason
from function.ports import Unavailable
from local_runtime.store.file import Unusable, make_private, usable

BUSY_SEC = 30
"""How long another process's write is waited for."""

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    person BLOB PRIMARY KEY, status TEXT NOT NULL, inn TEXT NOT NULL, provider TEXT NOT NULL,
    fetched_at REAL NOT NULL, expires_at REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    person BLOB PRIMARY KEY, token TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    person BLOB NOT NULL, request_id TEXT NOT NULL, time REAL NOT NULL, status TEXT NOT NULL, provider TEXT NOT NULL,
    fields TEXT NOT NULL, inn TEXT NOT NULL,
    PRIMARY KEY (person, request_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS history_by_time ON history (time);
CREATE TABLE IF NOT EXISTS erasures (
    record_id TEXT PRIMARY KEY, time REAL NOT NULL, answers INTEGER NOT NULL, history INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS providers (
    name TEXT PRIMARY KEY, next_free REAL NOT NULL, closed_until REAL NOT NULL, level INTEGER NOT NULL,
    probe_until REAL NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Database:
    """One SQLite file in WAL mode: readers never wait, a write is on the disk before it is reported done.

    What expired before `now` (seconds since the epoch) leaves the file as it is opened. Raises Unusable.
    """

    def __init__(self, path: Path, now: float) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        # Threads of this process take turns here; SQLite's own waiting is a poll and not fair.
        self._turn = threading.Lock()
        self._open = True
        try:
            with usable(path):
                make_private(path)
                self._to_wal()
                self._create(now)
        except Unusable:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Raises Unavailable where SQLite says "busy"."""
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            yield connection
        except sqlite3.OperationalError as exc:
            # The low byte is the primary code; extended codes share it.
            if exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise Unavailable(Reason.STORE_UNAVAILABLE) from exc
            raise
        finally:
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that nobody else writes beside; whole or not at all."""
        with self._turn, self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close idle connections now, and those in use as they come back."""
        self._open = False
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_SEC, isolation_level=None, check_same_thread=False)
        # FULL: in WAL mode, less would lose the last commits in a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._open:
            self._idle.append(connection)
        else:
            connection.close()

    def _to_wal(self) -> None:
        """Turn a new file to WAL; two processes that do it at once get "busy" without any waiting by SQLite."""
        deadline = time.monotonic() + BUSY_SEC
        while True:
            try:
                with self.reading() as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                return
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _create(self, now: float) -> None:
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise Unusable(f"{self._path} was made by another version: delete it and start again")
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("DELETE FROM answers WHERE expires_at <= ?", (now,))
            connection.execute("DELETE FROM claims WHERE until <= ?", (now,))
