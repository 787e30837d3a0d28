"""Tables to read and to write, whatever kind of file they are."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters.cli.batch.csv_dialect import RUSSIAN_EXCEL, Dialect
from adapters.cli.batch.csv_table import CsvTable, CsvWriter
from adapters.cli.errors import WRONG_USE, Failure

CSV_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
XLSX_SUFFIX = ".xlsx"
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


class Table(Protocol):
    """A table to read, as often as one likes, row by row."""

    heading: list[str]
    shifts: bool
    """Whether a separator that nobody meant moves the cells behind it into the columns of others."""

    @property
    def how(self) -> str:
        """How it is read, for the person who wonders why it is not understood."""

    def about(self) -> int:
        """How many rows there are, more or less."""

    def check(self) -> None:
        """See that its rows are what they seem to be. Raises Failure."""

    def rows(self) -> Iterator[Sequence[object]]:
        """The cells of each row below the heading."""


class Writer(Protocol):
    """A table to write."""

    def write(self, cells: Iterable[object]) -> None:
        """Add a row."""


def opened(path: Path) -> Table:
    """A table by its content. Raises Failure."""
    if path.exists() and not path.is_file() and not path.is_dir():
        # It is gone through several times, and once more to write the output.
        raise Failure(f"{path} is no regular file, and can be read only once: save it as one first", WRONG_USE)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as exc:
        raise Failure(f"cannot read {path}: {exc.strerror}", WRONG_USE) from None
    if magic == _ZIP:
        from adapters.cli.batch.xlsx_table import XlsxTable  # openpyxl takes its time

        return XlsxTable(path)
    if magic == _OLD_EXCEL:
        raise Failure(f"{path} is of an old Excel: save it as .xlsx or as CSV", WRONG_USE)
    return CsvTable(path)


def check_suffix(path: Path) -> None:
    """See that it is known how to write such a file. Raises Failure."""
    if path.suffix.lower() not in (*CSV_SUFFIXES, XLSX_SUFFIX):
        raise Failure(f"{path}: the output's name must end in .csv, .tsv or .xlsx", WRONG_USE)


@contextmanager
def replacing(path: Path, like: Table, source: Path) -> Iterator[Writer]:
    """Write a table that takes the place of `path` in one step, once all of it is on the disk.

    It is written like the input where both are CSV, and who may read the input may read it.
    """
    fresh = path.with_name(f".{path.name}.new")
    width = len(like.heading) + 3
    try:
        with _writer(fresh, path.suffix.lower(), like, width) as writer:
            yield writer
        shutil.copymode(source, fresh)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _writer(path: Path, suffix: str, like: Table, width: int) -> Iterator[Writer]:
    # It holds persons: for its owner's eyes until it is known who may read it.
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if suffix == XLSX_SUFFIX:
        from adapters.cli.batch.xlsx_table import XlsxWriter  # openpyxl takes its time

        with XlsxWriter(path, width) as workbook:
            yield workbook
        return
    with CsvWriter(path, _dialect(suffix, like)) as file:
        yield file


def _dialect(suffix: str, like: Table) -> Dialect:
    if isinstance(like, CsvTable):
        return like.dialect
    return replace(RUSSIAN_EXCEL, separator="\t") if suffix == ".tsv" else RUSSIAN_EXCEL
