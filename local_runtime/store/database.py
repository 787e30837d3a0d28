"""The SQLite file: permissions, tables, connections, and serialized writes."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from adapters.runtime.clock import SystemClock
from function.outcomes import Reason
from function.ports import LEASE_SEC, Clock, Unavailable

BUSY_SEC = 30

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    person BLOB PRIMARY KEY, status TEXT NOT NULL, inn TEXT NOT NULL, provider TEXT NOT NULL,
    fetched_at REAL NOT NULL, expires_at REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    person BLOB PRIMARY KEY, token TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tickets (
    person BLOB PRIMARY KEY, ticket BLOB NOT NULL, until REAL NOT NULL
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

_PRIVATE = 0o600
_PRIVATE_FOLDER = 0o700
_SIDE_FILES = ("-wal", "-shm")

_LOCKED = "another process has {} locked: end it, and start again"
_DAMAGED = "{} is damaged, or not a file of this program: delete it and start again"
_BY_CODE = {sqlite3.SQLITE_BUSY: _LOCKED, sqlite3.SQLITE_CORRUPT: _DAMAGED, sqlite3.SQLITE_NOTADB: _DAMAGED}
_NO_FOLDER = "nothing can be kept in {}: {}; name a folder that this user may write to"


class StoreUnusable(Exception):
    """The file cannot be used; the text says why, and what to do."""


class Database:
    """One SQLite file in WAL mode: readers never wait, and a write is on disk when it returns.

    Opening the file deletes what expired before `now` (seconds since the epoch). Raises StoreUnusable.
    `busy`: the longest wait for another process's write, in seconds.
    """

    def __init__(self, path: Path, now: float, busy: float = BUSY_SEC) -> None:
        self._path = path
        self._busy = busy
        self._idle: deque[sqlite3.Connection] = deque()
        # Threads of this process queue here: SQLite's own waiting is a poll, and not fair.
        self._writer = threading.Lock()
        self._open = True
        try:
            with _open_errors(path):
                _make_private(path)
                self._to_wal()
                self._create(now)
        except StoreUnusable:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading. Raises Unavailable if the file is busy."""
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
        """A connection inside an exclusive write transaction."""
        with self._writer, self.reading() as connection:
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
        connection = sqlite3.connect(self._path, timeout=self._busy, isolation_level=None, check_same_thread=False)
        # FULL: in WAL mode, less would lose the last commits in a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._open:
            self._idle.append(connection)
        else:
            connection.close()

    def _to_wal(self) -> None:
        """Switch to WAL mode; SQLite does not wait, but fails with "busy", if two processes do this at once."""
        deadline = time.monotonic() + self._busy
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
                raise StoreUnusable(f"{self._path} was made by another version: delete it and start again")
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("DELETE FROM answers WHERE expires_at <= ?", (now,))
            connection.execute("DELETE FROM claims WHERE until <= ?", (now,))
            connection.execute("DELETE FROM tickets WHERE until <= ?", (now,))


class EmbeddedBase:
    """Base class of the embedded stores: the file at `path`, created if missing, and the clock.

    `lease`: seconds that a claim lasts; `clock`: by default this machine's; `busy`: as of Database.
    """

    def __init__(
        self, path: Path | str, *, lease: float = LEASE_SEC, clock: Clock | None = None, busy: float = BUSY_SEC
    ) -> None:
        self._clock = clock or SystemClock()
        self._lease = lease
        self._database = Database(Path(path), self._now(), busy)

    def ping(self) -> None:
        """Check that the store can be read. Raises `Unavailable`."""
        with self._database.reading() as connection:
            connection.execute("SELECT 1 FROM answers LIMIT 1")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()


def seconds_of(time: datetime | None) -> float | None:
    """A time as the tables store it."""
    return None if time is None else time.timestamp()


def time_of(seconds: float) -> datetime:
    """A stored time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def _open_errors(path: Path) -> Iterator[None]:
    """Raise StoreUnusable for any error of opening the file."""
    try:
        yield
    except Unavailable:
        raise StoreUnusable(_LOCKED.format(path)) from None
    except sqlite3.DatabaseError as exc:
        # The low byte is the primary code; extended codes share it.
        known = _BY_CODE.get(exc.sqlite_errorcode & 0xFF)
        raise StoreUnusable(known.format(path) if known else _NO_FOLDER.format(path.parent, exc)) from None
    except OSError as exc:
        why = "it is not a folder" if isinstance(exc, FileExistsError) else exc.strerror
        raise StoreUnusable(_NO_FOLDER.format(path.parent, why)) from None


def _make_private(path: Path) -> None:
    """Create the file, and its folder if missing, for this user only: the content is plain text."""
    path.parent.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
    # SQLite would create it readable for all users. Its side files get its mode.
    path.touch(_PRIVATE)
    path.chmod(_PRIVATE)
    for suffix in _SIDE_FILES:
        # Left by a process that died. Another process may delete them just now as it closes the file.
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).chmod(_PRIVATE)
