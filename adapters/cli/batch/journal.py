"""Keeps the answers of a run in a journal beside OUT, a SQLite file, and makes OUT of it at the end."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice, zip_longest
from pathlib import Path

from adapters.cli.errors import WrongUse
from adapters.tables.row_mapping import ANSWER_HEADINGS, RowAnswer
from adapters.tables.table_file import Row, Table, make_row, open_tables, replace_file

MOVE_AWAY = "move it away, or choose another -o"
_BEGIN = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS inn_batch (number INTEGER PRIMARY KEY, texts, inn, status, details);
"""
# SQLITE_ERROR: the table, or one of its columns, is missing.
_FOREIGN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)


class Journal:
    """Answers by row number; number 0 is the heading. An open journal locks OUT against other runs.

    `table`: the input; `total`: its rows; `answered`: of them, when OUT is made; `place`: the file with the answers.
    """

    def __init__(self, table: Table, out: Path) -> None:
        self.table = table
        self._out = out
        self._path = self.place = out.with_name(out.name + ".part")
        self.total = self.answered = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Lock OUT within the context, and take over the answers that it has. Raises Failure, WrongTable, OSError."""
        if self._out.exists() and not self._out.is_file():
            raise WrongUse(f"{self._out} is no regular file: choose another -o")
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # personal data: private
        except OSError as exc:
            raise WrongUse(f"cannot write {self._path}: {exc.strerror}") from None
        with closing(sqlite3.connect(self._path, timeout=0)) as self._db:
            self._lock()
            try:
                self._db.executemany("INSERT OR IGNORE INTO inn_batch VALUES (?, ?, ?, ?, ?)", self._answers_in_out())
                yield
            finally:
                self._db.rollback()
                # Without answers of its own, it would only block another input.
                if not self._db.execute("SELECT 1 FROM inn_batch WHERE number > 0").fetchone():
                    self._db.execute("PRAGMA journal_mode = DELETE")  # removes SQLite's second file
                    self._path.unlink()

    def answer(self, number: int, row: Row) -> RowAnswer:
        """The answer to a row so far. Raises Failure if the journal belongs to another input."""
        query = "SELECT texts, inn, status, details FROM inn_batch WHERE number = ?"
        texts, *answer = self._db.execute(query, (number,)).fetchone() or (None, *RowAnswer())
        if texts not in (None, _joined(row)):
            raise self._other_input(self._path, number)
        return RowAnswer(*answer)

    def put(self, number: int, row: Row, answer: RowAnswer) -> None:
        """Set the answer to a row. It survives a kill -9 once it is committed."""
        self._db.execute("REPLACE INTO inn_batch VALUES (?, ?, ?, ?, ?)", (number, _joined(row), *answer))

    def commit(self) -> None:
        """Commit the answers that were put since the last time."""
        self._db.commit()

    def write_output(self) -> None:
        """Write OUT, up to the last row with an answer, and empty the journal. Raises WrongTable, OSError."""
        self._db.commit()
        last, self.answered = self._db.execute("SELECT max(number), count(*) - 1 FROM inn_batch").fetchone()
        replace_file(self._out, self.table, self._output(last))
        self.place = self._out
        with self._db:
            self._db.execute("DELETE FROM inn_batch")

    def _lock(self) -> None:
        """Lock the journal until it is closed, or its process ends. Raises Failure."""
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            is_sound = self._db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            if self._db.execute("SELECT 1 FROM sqlite_schema").fetchone():
                self._db.execute("SELECT number, texts, inn, status, details FROM inn_batch LIMIT 0")
        except sqlite3.DatabaseError as exc:
            if exc.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise WrongUse(f"another inn batch is writing {self._out}") from None
            if exc.sqlite_errorcode not in _FOREIGN:
                raise
            is_sound = False
        if not is_sound:
            raise WrongUse(f"{self._path} is no journal of inn batch, or is damaged: {MOVE_AWAY}")
        self._db.executescript(_BEGIN)

    def _answers_in_out(self) -> Iterator[tuple[object, ...]]:
        """The rows of the journal that OUT has. Checks that both belong to the input, which is read as a whole."""
        width = len(self.table.heading)
        written: Iterable[Row] = ()
        if self._out.exists():
            # Quotes are as they were written: no dialect, no check of them.
            own = open_tables(self._out)[0]._replace(heading=(*self.table.heading, *ANSWER_HEADINGS), dialect=None)
            written = own.rows()
        for number, (row, held) in enumerate(zip_longest(self._rows(), written)):
            if row is None:
                raise self._other_input(self._out)
            self.answer(number, row)
            self.total = number
            answer = held.texts[width:] if held else ()
            if held and (
                held.texts[:width] != row.texts or (not number and (*answer, *held.surplus) != ANSWER_HEADINGS)
            ):
                raise self._other_input(self._out, number)
            if any(answer) or not number:
                yield number, _joined(row), *(answer or ANSWER_HEADINGS)
        if self._db.execute("SELECT 1 FROM inn_batch WHERE number > ?", (self.total,)).fetchone():
            raise self._other_input(self._path)

    def _output(self, last: int) -> Iterator[Sequence[object]]:
        """The rows of OUT, up to the one of this number."""
        number = 0
        for number, row in enumerate(islice(self._rows(), last + 1)):
            yield (*row.cells, *self.answer(number, row), *row.surplus)
        if number < last:
            raise self._other_input(self._path)

    def _rows(self) -> Iterator[Row]:
        return chain([make_row(self.table.heading, len(self.table.heading))], self.table.rows())

    def _other_input(self, path: Path, number: int | None = None) -> WrongUse:
        """The error of a file with another row in this place, or with more rows than the input."""
        why = "it has more rows" if number is None else f"row {number + 1} is not the input's"
        if number == 0:
            why = "its headings are not the input's, then inn, status, details"
        return WrongUse(f"{path} belongs to another input ({why}): {MOVE_AWAY}")


def _joined(row: Row) -> str:
    return "\t".join(row.texts)
