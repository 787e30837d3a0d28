"""Opens a table by the file's format, and replaces an output atomically."""

import mmap
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from adapters.cli.batch.csv_file import RUSSIAN_EXCEL, open_csv, write_csv
from adapters.cli.batch.header import Header, Layout, column_of, find_header
from adapters.cli.batch.rows import ANSWER_HEADINGS, Table, Write
from adapters.cli.errors import WrongUse

CSV_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
XLSX_SUFFIX = ".xlsx"
_HEAD = 4096
_OLE, _ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_SAVE_AS = "open it in a spreadsheet program, and save it as .xlsx or as CSV"
# By how a file begins, which of a package is the list of its parts; the first match counts.
_OTHER_FORMATS = (
    (
        _OLE + b".*" + "EncryptedPackage".encode("utf-16-le"),
        "is encrypted: open it, take its password away, and save it as .xlsx",
    ),
    (_OLE + b".*" + "WordDocument".encode("utf-16-le"), "is a document of Word, and no table"),
    (_OLE, f"is a workbook of an old Excel (.xls): {_SAVE_AS}"),
    (_ZIP + rb".*\nxl/workbook\.bin", f"is a binary workbook (.xlsb): {_SAVE_AS}"),
    (_ZIP + rb".*\nword/", "is a document of Word, and no table"),
    (_ZIP + rb".*\ncontent\.xml", f"is an OpenDocument table (.ods): {_SAVE_AS}"),
    (_ZIP + rb".*\nIndex/", f"is a table of Numbers: {_SAVE_AS}"),
    (rb"\s*<\?xml.*<(?:\w+:)?Workbook\b", f"is an XML table of Excel 2003: {_SAVE_AS}"),
    (
        rb"\s*(?:<!--.*?-->|<\?xml.*?\?>|\s)*<(?:!doctype html|html|head|meta|body|table|div|style)\b|MIME-Version:",
        f"is a web page (HTML), whatever its name says: {_SAVE_AS}",
    ),
    (rb"%PDF", "is a PDF, and no table"),
    (rb"\{\\rtf", "is an RTF document, and no table"),
)


def open_table(path: Path, layout: Layout, sheet: str = "") -> tuple[Table, Header]:
    """Open a table and find its headings, in `sheet`, else in the visible sheet with headings. Raises Failure."""
    found = [(find_header(table.records(0), layout), table) for table in open_tables(path, layout, sheet)]
    complete = [(header, table) for header, table in found if not header.missing]
    if len(complete) > 1:
        names = ", ".join(table.sheet for _, table in complete)
        raise WrongUse(f"{path} has headings in several sheets ({names}): say by --sheet which one is meant")
    header, table = max(complete or found, key=lambda pair: pair[0].score)
    for column in layout.columns.values():
        if column_of(column, header.texts) is None:
            raise WrongUse(f"--map: no column {column} ({table.description}, row {header.row})")
    return table._replace(heading=header.texts, above=header.row + header.height - 1), header


def open_tables(path: Path, layout: Layout, sheet: str = "") -> Sequence[Table]:
    """The tables in a file: all visible sheets of a workbook, or `sheet`. Raises Failure."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WrongUse(f"{path} is no regular file, and can be read only once: save it as one first")
    try:
        is_workbook = _is_workbook(path)
    except OSError as exc:
        raise WrongUse(f"cannot read {path}: {exc.strerror}") from None
    if not is_workbook:
        if sheet:
            raise WrongUse(f"{path} is a CSV file, and has no sheets")
        return [open_csv(path, layout)]
    from adapters.cli.batch.xlsx_file import open_sheets  # openpyxl is slow to import

    tables = open_sheets(path)
    chosen = [each for each in tables if (each.sheet.casefold() == sheet.casefold() if sheet else not each.hidden)]
    if not chosen:
        names = ", ".join(each.sheet for each in tables)
        raise WrongUse(f"{path} has no {'such' if sheet else 'visible'} sheet: choose one by --sheet of {names}")
    return chosen


def _is_workbook(path: Path) -> bool:
    """Whether it is XLSX; False: probably CSV. Raises Failure for other formats."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        content: bytes | mmap.mmap = head
        if head.startswith(_OLE):
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        elif head.startswith(_ZIP):
            with suppress(BadZipFile), ZipFile(file) as package:
                content = b"\n".join([_ZIP, *(name.encode() for name in package.namelist())])
        else:
            content = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
        for begin, what in _OTHER_FORMATS:
            if re.match(begin, content, re.IGNORECASE | re.DOTALL):
                raise WrongUse(f"{path} {what}")
    return head.startswith(_ZIP)


def check_suffix(path: Path) -> None:
    """Check the suffix of an output. Raises Failure."""
    if path.suffix.lower() not in (*CSV_SUFFIXES, XLSX_SUFFIX):
        raise WrongUse(f"{path}: the output's name must end in .csv, .tsv or .xlsx")


@contextmanager
def replacing(path: Path, like: Table, source: Path) -> Iterator[Write]:
    """Write a table that replaces `path` in one step, once it is on the disk.

    It has the input's dialect if both are CSV, and the input's permissions.
    """
    fresh, suffix = path.with_name(f".{path.name}.new"), path.suffix.lower()
    try:
        # Personal data: readable by the owner only until it gets the input's permissions.
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if suffix == XLSX_SUFFIX:
            from adapters.cli.batch.xlsx_file import write_xlsx  # openpyxl is slow to import

            writing = write_xlsx(fresh, len(like.heading) + len(ANSWER_HEADINGS))
        else:
            excel = RUSSIAN_EXCEL._replace(separator="\t") if suffix == ".tsv" else RUSSIAN_EXCEL
            writing = write_csv(fresh, like.dialect or excel)
        with writing as write:
            yield write
        shutil.copymode(source, fresh)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
