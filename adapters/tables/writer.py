"""Writes a table, with the answers, as CSV or XLSX."""

import csv
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from adapters.tables.reader import Dialect, Table, cell_text

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")  # how the name of a file that is written may end


def replace_file(path: Path, like: Table, rows: Iterable[Sequence[object]]) -> None:
    """Write a table that replaces `path` in one step, once it is on the disk. Raises OSError.

    It has the input's dialect if both are CSV, and the input's permissions.
    """
    fresh, suffix = path.with_name(f".{path.name}.new"), path.suffix.lower()
    try:
        # Personal data: readable by the owner only until it gets the input's permissions.
        fresh.unlink(missing_ok=True)
        fresh.touch(0o600, exist_ok=False)
        if suffix == ".xlsx":
            from adapters.tables.xlsx_file import write_xlsx  # openpyxl is slow to import

            write_xlsx(fresh, rows)
        else:
            form = like.dialect or Dialect(separator="\t" if suffix == ".tsv" else ";")
            with fresh.open("w", encoding=form.encoding, errors="replace", newline="") as file:
                writer = csv.writer(file, delimiter=form.separator, lineterminator=form.newline)
                writer.writerows(map(_with_newlines, cells) for cells in rows)
        shutil.copymode(like.path, fresh)
        with fresh.open("rb+") as written:
            os.fsync(written.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _with_newlines(cell: object) -> str:
    text = cell if isinstance(cell, str) else cell_text(cell)
    # The writer quotes line feeds, but not lone carriage returns, which end a row as well.
    return text if "\n" in text else text.replace("\r", "\n")
