"""Keeps the answers of a run in a journal beside OUT, a SQLite file, and makes OUT of it at the end."""

import csv
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Self

from adapters.cli.batch.header import Layout
from adapters.cli.batch.tables import (
    ANSWER_HEADINGS,
    MAX_CELL,
    NO_ANSWER,
    Dialect,
    Row,
    RowAnswer,
    Table,
    Write,
    cell_text,
    make_row,
    open_tables,
)
from adapters.cli.errors import WrongUse

MOVE_AWAY = "move it away, or choose another -o"
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")
RUSSIAN_EXCEL = Dialect("utf-8-sig", ";", "\r\n")
"""The format that a Russian Excel opens by a double click."""
_BEGIN = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS inn_batch (number INTEGER PRIMARY KEY, texts, inn, status, details);
"""
# SQLITE_ERROR: the table, or one of its columns, is missing.
_FOREIGN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)


class Journal:
    """Answers by row number; number 0 is the heading. An open journal locks OUT against other runs.

    `place`: the file that holds the answers; `total`: rows of the input; `answered`: of them, when OUT is made.
    """

    def __init__(self, source: Path, table: Table, out: Path) -> None:
        self._source = source
        self._table = table
        self._out = out
        self._path = self.place = out.with_name(out.name + ".part")
        self._keep = True
        self.total = self.answered = 0

    def __enter__(self) -> Self:
        if self._out.exists() and not self._out.is_file():
            raise WrongUse(f"{self._out} is no regular file: choose another -o")
        try:
            # Personal data: readable by the owner only.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as exc:
            raise WrongUse(f"cannot write {self._path}: {exc.strerror}") from None
        self._db = sqlite3.connect(self._path, timeout=0)
        try:
            self._lock()
            self._db.executemany("INSERT OR IGNORE INTO inn_batch VALUES (?, ?, ?, ?, ?)", self._answers_in_output())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._keep:
            # Without answers of its own, it would only block another input. The mode removes SQLite's file beside it.
            self._db.rollback()
            self._db.execute("PRAGMA journal_mode = DELETE")
            self._path.unlink()
        self._db.close()

    def answer(self, number: int, row: Row) -> RowAnswer:
        """The answer to a row so far. Raises Failure if the journal belongs to another input."""
        query = "SELECT texts, inn, status, details FROM inn_batch WHERE number = ?"
        texts, *answer = self._db.execute(query, (number,)).fetchone() or (None, *NO_ANSWER)
        if texts not in (None, _joined(row)):
            raise self._other_input(self._path, number)
        return RowAnswer(*answer)

    def put(self, number: int, row: Row, answer: RowAnswer) -> None:
        """Set the answer to a row. It survives a kill -9 once it is committed."""
        self._db.execute("REPLACE INTO inn_batch VALUES (?, ?, ?, ?, ?)", (number, _joined(row), *answer))
        self._keep = True

    def commit(self) -> None:
        """Commit the answers that were put since the last time."""
        self._db.commit()

    def write_output(self) -> None:
        """Write OUT, up to the last row with an answer. The journal is deleted when it is closed."""
        self._db.commit()
        query = "SELECT max(number), count(*) - 1 FROM inn_batch"
        last, self.answered = self._db.execute(query).fetchone()
        number = 0
        with _replacing(self._out, self._table, self._source) as write:
            for number, row in enumerate(islice(self._rows(), last + 1)):
                write((*row.cells, *self.answer(number, row), *row.surplus))
            if number < last:
                raise self._other_input(self._path)
        self.place, self._keep = self._out, False

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
        self._keep = self._db.execute("SELECT 1 FROM inn_batch WHERE number > 0").fetchone() is not None

    def _answers_in_output(self) -> Iterator[tuple[object, ...]]:
        """The rows of the journal that OUT has. Checks that both belong to the input, which is read as a whole."""
        written: Iterator[Sequence[object]] = iter([(*self._table.heading, *ANSWER_HEADINGS)])
        if self._out.exists():
            written = open_tables(self._out, Layout())[0].records(0)
        width = len(self._table.heading)
        for number, row in enumerate(self._rows()):
            self.answer(number, row)
            self.total = number
            if (record := next(written, None if number else ())) is None:
                continue
            cells, texts, surplus = make_row(record, width + len(ANSWER_HEADINGS))
            answer = texts[width:]
            if not all(map(_is_same, cells, texts, row.texts)) or (
                number == 0 and (*answer, *surplus) != ANSWER_HEADINGS
            ):
                raise self._other_input(self._out, number)
            if any(answer):
                yield number, _joined(row), *answer
        if any(any(map(cell_text, record)) for record in written):
            raise self._other_input(self._out)
        if self._db.execute("SELECT 1 FROM inn_batch WHERE number > ?", (self.total,)).fetchone():
            raise self._other_input(self._path)

    def _rows(self) -> Iterator[Row]:
        return chain([Row(self._table.heading, [*self._table.heading], ())], self._table.rows())

    def _other_input(self, path: Path, number: int | None = None) -> WrongUse:
        """The error of a file with another row in this place, or with more rows than the input."""
        why = "it has more rows" if number is None else f"row {number + 1} is not the input's"
        if number == 0:
            why = "its headings are not the input's, then inn, status, details"
        return WrongUse(f"{path} belongs to another input ({why}): {MOVE_AWAY}")


def _joined(row: Row) -> str:
    return "\t".join(row.texts)


def _is_same(cell: object, held: str, text: str) -> bool:
    """Whether a cell of OUT, whose text is `held`, is the input's; spreadsheets truncate long ones."""
    return held == text or (isinstance(cell, str) and len(cell) == MAX_CELL and text.startswith(held))


@contextmanager
def _replacing(path: Path, like: Table, source: Path) -> Iterator[Write]:
    """Write a table that replaces `path` in one step, once it is on the disk.

    It has the input's dialect if both are CSV, and the input's permissions.
    """
    fresh, suffix = path.with_name(f".{path.name}.new"), path.suffix.lower()
    try:
        # Personal data: readable by the owner only until it gets the input's permissions.
        fresh.unlink(missing_ok=True)
        fresh.touch(0o600, exist_ok=False)
        if suffix == ".xlsx":
            from adapters.cli.batch.xlsx_file import write_xlsx  # openpyxl is slow to import

            writing = write_xlsx(fresh)
        else:
            excel = RUSSIAN_EXCEL._replace(separator="\t") if suffix == ".tsv" else RUSSIAN_EXCEL
            writing = _write_csv(fresh, like.dialect or excel)
        with writing as write:
            yield write
        shutil.copymode(source, fresh)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _write_csv(path: Path, dialect: Dialect) -> Iterator[Write]:
    """Write a CSV file."""
    with path.open("w", encoding=dialect.encoding, errors="replace", newline="") as file:
        writer = csv.writer(file, delimiter=dialect.separator, lineterminator=dialect.newline)
        yield lambda cells: writer.writerow([_with_newlines(cell) for cell in cells])


def _with_newlines(cell: object) -> str:
    text = cell if isinstance(cell, str) else cell_text(cell)
    # The writer quotes line feeds, but not lone carriage returns, which end a row as well.
    return text if "\n" in text else text.replace("\r", "\n")
