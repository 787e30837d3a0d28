"""OUT, and the journal beside it: what a run has learned is safe from the moment it is written there."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.cli.batch.answers import HEADINGS, Answer, Known
from adapters.cli.batch.csv_dialect import Dialect
from adapters.cli.batch.csv_table import CsvTable, CsvWriter, line_of
from adapters.cli.batch.lock import lock
from adapters.cli.batch.rows import Row, rows_of
from adapters.cli.batch.tables import Table, opened, replacing
from adapters.cli.errors import WRONG_USE, Failure

SUFFIX = ".part"
DIALECT = Dialect("utf-8", ",", "\n")


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

    def __enter__(self) -> Self:
        self._check_out()
        fresh = not self._path.exists()
        try:
            # It holds persons: for its owner's eyes.
            self._lock = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as exc:
            raise Failure(f"cannot write {self._path}: {exc.strerror}", WRONG_USE) from None
        try:
            lock(self._lock, self._out)
            self._empty = fresh
            self._recover()
            self._begin()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        self._leave()

    def known(self) -> Known:
        """What OUT holds of earlier runs."""
        table = opened(self._out) if self._out.exists() else None
        return Known(table, str(self._out), self._table.heading)

    def write(self, rows: Iterable[tuple[Row, Answer]]) -> None:
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

    def _check_out(self) -> None:
        """See whose OUT it is, before anything is begun."""
        if not self._out.exists():
            return
        if not self._out.is_file():
            raise Failure(f"{self._out} is no regular file: choose another -o", WRONG_USE)
        known = self.known()
        for row in rows_of(self._table):
            if known.of(row) is None:
                return
        known.check_end()

    def _recover(self) -> None:
        """A run that was killed has left its journal: OUT gets what stands in it."""
        heading = line_of((*self._table.heading, *HEADINGS), DIALECT)
        with self._path.open("rb") as file:
            begun = file.read(len(heading))
        if b"\n" not in begun and heading.startswith(begun):
            # It was killed before all of the headings were written.
            return
        self._merge()

    def _begin(self) -> None:
        self._writer = CsvWriter(self._path, DIALECT)
        self._writer.write((*self._table.heading, *HEADINGS))
        self._writer.flush()
        self._empty = True

    def _merge(self) -> None:
        before = self.known()
        since = Known(_Begun(self._path, DIALECT), str(self._path), self._table.heading)
        with replacing(self._out, self._table, self._source) as fresh:
            fresh.write((*self._table.heading, *HEADINGS))
            for row, answer in _merged(rows_of(self._table), before, since):
                fresh.write((*row.cells, *answer.cells, *row.surplus))


class _Begun(CsvTable):
    """A journal, without the line that was being written when the run died."""

    def lines(self, file: Iterable[str]) -> Iterable[str]:
        return (line for line in file if line.endswith("\n"))


def _merged(rows: Iterable[Row], before: Known, since: Known) -> Iterator[tuple[Row, Answer]]:
    for row in rows:
        old, new = before.of(row), since.of(row)
        answer = new or old
        if answer is None:
            return
        yield row, answer
    before.check_end()
    since.check_end()
