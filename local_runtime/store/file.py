"""The file that all is kept in: made for this user alone, and what is wrong with it in one line."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from function.ports import Unavailable

_OWN = 0o600
_OWN_FOLDER = 0o700
_BESIDE = ("-wal", "-shm")

_HELD = "another process does not let go of {}: end it, and start again"
_DAMAGED = "{} is damaged, or no file of this program: delete it and start again"
_BY_CODE = {sqlite3.SQLITE_BUSY: _HELD, sqlite3.SQLITE_CORRUPT: _DAMAGED, sqlite3.SQLITE_NOTADB: _DAMAGED}
_NO_FOLDER = "nothing can be kept in {}: {}; name a folder that this user may write to"


class Unusable(Exception):
    """Nothing can be kept in this file. The text says why, and what to do."""


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """While the file is opened: whatever goes wrong with it is Unusable."""
    try:
        yield
    except Unavailable:
        raise Unusable(_HELD.format(path)) from None
    except sqlite3.DatabaseError as exc:
        # The low byte is the primary code; extended codes share it.
        known = _BY_CODE.get(exc.sqlite_errorcode & 0xFF)
        raise Unusable(known.format(path) if known else _NO_FOLDER.format(path.parent, exc)) from None
    except FileExistsError:
        raise Unusable(_NO_FOLDER.format(path.parent, "it is no folder")) from None
    except OSError as exc:
        raise Unusable(_NO_FOLDER.format(path.parent, exc.strerror)) from None


def make_private(path: Path) -> None:
    """Make the file, and its folder where there is none, for this user alone: what is kept in it is in plain text."""
    path.parent.mkdir(_OWN_FOLDER, parents=True, exist_ok=True)
    # SQLite would make it for everybody to read. The files beside it get its mode.
    path.touch(_OWN)
    path.chmod(_OWN)
    for suffix in _BESIDE:
        # Of an earlier version, which died. Another process may be the last to leave just now, and take them along.
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).chmod(_OWN)
