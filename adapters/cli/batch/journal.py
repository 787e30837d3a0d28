"""Stores the answers of a run in a journal beside OUT, and makes OUT of it at the end."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from adapters.cli.batch.csv_file import JOURNAL, CsvSource, CsvWriter, journal_line
from adapters.cli.batch.rows import ANSWER_HEADINGS, MAX_CELL, Row, RowAnswer, Source, Table, cell_text, make_row
from adapters.cli.batch.tables import open_output, replacing
from adapters.cli.errors import WrongUse

SUFFIX = ".part"


class KnownAnswers:
    """Reads the answers of an earlier output in parallel to the input. Raises Failure for another input's output."""

    def __init__(self, written: Source | None, path: Path, heading: Sequence[str]) -> None:
        self._path = path
        self._width = len(heading)
        self._records: Iterator[Sequence[object]] = iter(()) if written is None else written.records()
        self._number = 1
        if written is not None and [*map(cell_text, next(self._records, ()))] != [*heading, *ANSWER_HEADINGS]:
            raise self._other_input("its headings are not the input's, then inn, status, details")

    def of(self, row: Row) -> RowAnswer | None:
        """The answer to the next row; None after the output's end."""
        self._number += 1
        if (record := next(self._records, None)) is None:
            return None
        written = make_row(record, self._width + len(ANSWER_HEADINGS))
        if not all(map(_is_same, written.cells[: self._width], row.texts)):
            raise self._other_input(f"row {self._number} is not the input's")
        return RowAnswer(*written.texts[self._width :])

    def check_end(self) -> None:
        """Check that the output has no more rows than the input. Raises Failure."""
        if any(any(map(cell_text, record)) for record in self._records):
            raise self._other_input("it has more rows")

    def _other_input(self, why: str) -> WrongUse:
        return WrongUse(f"{self._path} belongs to another input ({why}): move it away, or choose another -o")


def _is_same(written: object, text: str) -> bool:
    """Whether an output's cell is the input's; spreadsheets truncate long ones."""
    held = cell_text(written)
    return held == text or (isinstance(written, str) and len(written) == MAX_CELL and text.startswith(held))


class Journal:
    """The journal of one output. An open journal locks the output against other runs.

    `place`: the file that holds the answers; `total`: rows of the input.
    """

    def __init__(self, source: Path, table: Table, out: Path) -> None:
        self._source = source
        self._table = table
        self._out = out
        self._heading = (*table.heading, *ANSWER_HEADINGS)
        self._path = self.place = out.with_name(out.name + SUFFIX)
        self._stack = ExitStack()
        self._empty = False
        self.total = 0

    def __enter__(self) -> Self:
        self._check()
        fresh = not self._path.exists()
        with self._stack as stack:
            try:
                # Personal data: readable by the owner only.
                descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            except OSError as exc:
                raise WrongUse(f"cannot write {self._path}: {exc.strerror}") from None
            stack.callback(os.close, descriptor)
            _lock(descriptor, self._out)
            self._empty = fresh
            stack.callback(self._remove_if_empty)
            self._recover()
            self._writer = stack.enter_context(CsvWriter(self._path, JOURNAL))
            self._writer.write(self._heading)
            self._writer.flush()
            self._empty = True
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read_known_answers(self) -> KnownAnswers:
        """The answers of earlier runs in OUT."""
        return KnownAnswers(open_output(self._out) if self._out.exists() else None, self._out, self._table.heading)

    def write(self, rows: Iterable[tuple[Row, RowAnswer]]) -> None:
        """Add the next rows of the input, with their answers."""
        for row, answer in rows:
            self._writer.write((*row.texts, *answer))
            self._empty = False
        self._writer.flush()

    def publish(self) -> None:
        """Write OUT from the input, the journal and, after the journal's end, the old OUT; delete the journal."""
        self._writer.flush()
        self._merge()
        self._path.unlink()
        self.place, self._empty = self._out, False

    def _remove_if_empty(self) -> None:
        """Delete a journal without rows, which would block another input."""
        if self._empty:
            self._path.unlink()

    def _check(self) -> None:
        """Read the whole input, and check that OUT belongs to it."""
        if self._out.exists() and not self._out.is_file():
            raise WrongUse(f"{self._out} is no regular file: choose another -o")
        known = self.read_known_answers()
        for row in self._table.rows():
            self.total += 1
            known.of(row)
        known.check_end()

    def _recover(self) -> None:
        """Write the journal that a killed run has left to OUT."""
        heading = journal_line(self._heading)
        with self._path.open("rb") as file:
            begun = file.read(len(heading))
        # Otherwise the run was killed before the headings were written.
        if b"\n" in begun or not heading.startswith(begun):
            self._merge()

    def _merge(self) -> None:
        before = self.read_known_answers()
        journal = CsvSource(self._path, JOURNAL, complete_lines=True)
        since = KnownAnswers(journal, self._path, self._table.heading)
        with replacing(self._out, self._table, self._source) as output:
            output.write(self._heading)
            for row in self._table.rows():
                old, new = before.of(row), since.of(row)
                if (answer := new or old) is None:
                    return
                output.write((*row.cells, *answer, *row.surplus))
            before.check_end()
            since.check_end()


def _lock(descriptor: int, out: Path) -> None:
    """Lock an open file until it is closed. Raises Failure if another run has locked it."""
    try:
        import fcntl  # missing on Windows, where a file in use can't be replaced anyway
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise WrongUse(f"another inn batch is writing {out}") from None
