"""OUT, and the journal beside it: what a run has learned is safe from the moment it is written there."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.cli.batch.answers import HEADINGS, Answer, Known
from adapters.cli.batch.csv_dialect import Dialect
from adapters.cli.batch.csv_table import CsvTable, CsvWriter
from adapters.cli.batch.rows import Row, rows_of
from adapters.cli.batch.tables import Table, opened, replacing
from adapters.cli.failure import WRONG_USE, Failure

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

    def __enter__(self) -> Self:
        try:
            # It holds persons: for its owner's eyes.
            self._lock = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as exc:
            raise Failure(f"cannot write {self._path}: {exc.strerror}", WRONG_USE) from None
        try:
            _lock(self._lock, self._out)
            self._recover()
            self._begin()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        os.close(self._lock)

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
        self._writer.flush()

    def publish(self) -> None:
        """Make OUT of the input, the journal, and where that ends of what OUT held before; the journal goes."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._merge()
        self._path.unlink()

    def _recover(self) -> None:
        """A run that was killed has left its journal: OUT gets what stands in it."""
        whole = _whole_lines(self._path)
        os.truncate(self._path, whole)
        if whole:
            self._merge()

    def _begin(self) -> None:
        self._writer = CsvWriter(self._path, DIALECT)
        self._writer.write((*self._table.heading, *HEADINGS))
        self._writer.flush()

    def _merge(self) -> None:
        before = self.known()
        since = Known(CsvTable(self._path, DIALECT), str(self._path), self._table.heading)
        with replacing(self._out, self._table, self._source) as fresh:
            fresh.write((*self._table.heading, *HEADINGS))
            for row, answer in _merged(rows_of(self._table.rows(), len(self._table.heading)), before, since):
                fresh.write((*row.cells, *answer.cells))


def _merged(rows: Iterable[Row], before: Known, since: Known) -> Iterator[tuple[Row, Answer]]:
    for row in rows:
        old, new = before.of(row), since.of(row)
        answer = new or old
        if answer is None:
            return
        yield row, answer
    before.check_end()
    since.check_end()


def _whole_lines(path: Path) -> int:
    """The bytes up to the last line's end: a line that was being written when the run died does not count."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while size:
            begin = max(0, size - (1 << 16))
            file.seek(begin)
            end = file.read(size - begin).rfind(b"\n")
            if end >= 0:
                return begin + end + 1
            size = begin
    return 0


def _lock(descriptor: int, out: Path) -> None:
    try:
        import fcntl  # noqa: PLC0415  # not to be had on Windows, where a file in use can't be replaced anyway
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failure(f"another inn batch is writing {out}", WRONG_USE) from None
