"""OUT, and the journal beside it: an answer is safe from the moment it is written there."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

from adapters.cli.batch.csv_file import JOURNAL, CsvSource, CsvWriter, line_of
from adapters.cli.batch.rows import ANSWER_HEADINGS, MAX_CELL, Row, RowAnswer, Table, text_of
from adapters.cli.batch.tables import open_output, replacing
from adapters.cli.errors import WRONG_USE, Failure

SUFFIX = ".part"


class KnownAnswers:
    """The answers in an earlier output of the same input, row by row beside the input's. Raises Failure if it is not."""

    def __init__(self, table: Table | None, name: str, heading: Sequence[str]) -> None:
        self._name = name
        self._width = len(heading)
        self._rows: Iterator[Row] = iter(())
        self._number = 1
        if table is not None:
            if table.heading != [*heading, *ANSWER_HEADINGS]:
                raise self._other_input("its headings are not the input's, then inn, status, details")
            self._rows = table.rows()

    def of(self, row: Row) -> RowAnswer | None:
        """The answer to the next row; None where the output has ended."""
        self._number += 1
        if (written := next(self._rows, None)) is None:
            return None
        if not all(map(_is_same, islice(written.cells, self._width), row.texts)):
            raise self._other_input(f"row {self._number} is not the input's")
        return RowAnswer(*written.texts[self._width :])

    def check_end(self) -> None:
        """Check that nothing is left of it when the input has ended. Raises Failure."""
        if any(any(row.texts) for row in self._rows):
            raise self._other_input("it has more rows")

    def _other_input(self, why: str) -> Failure:
        return Failure(f"{self._name} belongs to another input ({why}): move it away, or choose another -o", WRONG_USE)


def _is_same(written: object, text: str) -> bool:
    """Whether an output's cell is the input's; a spreadsheet holds only the beginning of one that is too long."""
    held = text_of(written)
    return held == text or (isinstance(written, str) and len(written) == MAX_CELL and text.startswith(held))


class Journal:
    """The journal of one output; while it is open no other run can use that output."""

    def __init__(self, source: Path, table: Table, out: Path) -> None:
        self._source = source
        self._table = table
        self._out = out
        self._path = out.with_name(out.name + SUFFIX)
        self._writer: CsvWriter | None = None
        self._lock = -1
        self._empty = False
        self._published = False
        self.total = 0

    def __enter__(self) -> Self:
        self._check()
        fresh = not self._path.exists()
        try:
            # It holds persons: for its owner's eyes.
            self._lock = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as exc:
            raise Failure(f"cannot write {self._path}: {exc.strerror}", WRONG_USE) from None
        try:
            _lock(self._lock, self._out)
            self._empty = fresh
            self._recover()
            self._begin()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._leave()

    def known(self) -> KnownAnswers:
        """What OUT holds of earlier runs."""
        table = open_output(self._out) if self._out.exists() else None
        return KnownAnswers(table, str(self._out), self._table.heading)

    def write(self, rows: Iterable[tuple[Row, RowAnswer]]) -> None:
        """Add the next rows of the input, with their answers."""
        if self._writer is None:
            raise RuntimeError("the journal is not open")
        for row, answer in rows:
            self._writer.write((*row.texts, *answer.cells))
            self._empty = False
        self._writer.flush()

    @property
    def place(self) -> Path:
        """The file that holds the answers."""
        return self._out if self._published else self._path

    def publish(self) -> None:
        """Make OUT of the input, the journal, and where that ends of what OUT held before; the journal goes."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._merge()
        self._path.unlink()
        self._published, self._empty = True, False

    def _leave(self) -> None:
        """Let others use the output. A journal without a row goes: it would be in the way of another input."""
        if self._empty:
            self._path.unlink()
        os.close(self._lock)

    def _check(self) -> None:
        """Read all of the input, and check whose OUT it is, before anything is begun."""
        if self._out.exists() and not self._out.is_file():
            raise Failure(f"{self._out} is no regular file: choose another -o", WRONG_USE)
        known = self.known()
        for row in self._table.rows():
            self.total += 1
            known.of(row)
        known.check_end()

    def _recover(self) -> None:
        """A run that was killed has left its journal: OUT gets what stands in it."""
        heading = line_of((*self._table.heading, *ANSWER_HEADINGS), JOURNAL)
        with self._path.open("rb") as file:
            begun = file.read(len(heading))
        if b"\n" not in begun and heading.startswith(begun):
            # It was killed before all of the headings were written.
            return
        self._merge()

    def _begin(self) -> None:
        self._writer = CsvWriter(self._path, JOURNAL)
        self._writer.write((*self._table.heading, *ANSWER_HEADINGS))
        self._writer.flush()
        self._empty = True

    def _merge(self) -> None:
        before = self.known()
        journal = Table.with_heading_first(CsvSource(self._path, JOURNAL, complete_lines=True))
        since = KnownAnswers(journal, str(self._path), self._table.heading)
        with replacing(self._out, self._table, self._source) as output:
            output.write((*self._table.heading, *ANSWER_HEADINGS))
            for row, answer in _merged(self._table.rows(), before, since):
                output.write((*row.cells, *answer.cells, *row.surplus))


def _merged(rows: Iterable[Row], before: KnownAnswers, since: KnownAnswers) -> Iterator[tuple[Row, RowAnswer]]:
    for row in rows:
        old, new = before.of(row), since.of(row)
        answer = new or old
        if answer is None:
            return
        yield row, answer
    before.check_end()
    since.check_end()


def _lock(descriptor: int, out: Path) -> None:
    """Lock an open file until it is closed. Raises Failure where another run has."""
    try:
        import fcntl  # not to be had on Windows, where a file in use can't be replaced anyway
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failure(f"another inn batch is writing {out}", WRONG_USE) from None
