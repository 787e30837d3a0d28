"""`inn batch` and files that are not what they should be: one line says so, and nothing is overwritten."""

import io
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.adapters.cli.conftest import Batch, answering
from tests.adapters.cli.people import HEADING, people, read, workbook, write

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with ZipFile(content, "w") as package:
        for name in names:
            package.writestr(name, "x")
    return content.getvalue()


OUT_HEADING = [*HEADING, "inn", "status", "details"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "cannot read", id="not there"),
        pytest.param(b"", "must hold headings", id="empty"),
        pytest.param("Фамилия;Имя\n".encode(), "has none for: дата рождения (birth date)", id="headings missing"),
        pytest.param(
            ";".join(HEADING).encode("koi8-r"), "(read as Windows-1251, separated by ;)", id="another encoding"
        ),
        pytest.param(OLE, "is a workbook of an old Excel (.xls), or another file of an old Office: open it", id="xls"),
        pytest.param(
            OLE + "EncryptedPackage".encode("utf-16-le"),
            "is encrypted: open it, take its password away",
            id="encrypted",
        ),
        pytest.param(
            zipped("application/vnd.oasis.opendocument.spreadsheet"), "is an OpenDocument table (.ods)", id="ods"
        ),
        pytest.param(zipped("xl/workbook.bin"), "is a binary workbook (.xlsb)", id="xlsb"),
        pytest.param(zipped("word/document.xml"), "no XLSX file, or is damaged", id="another package"),
        pytest.param(b"\xef\xbb\xbf\r\n<html xmlns:o='x'>", "is a web page (HTML)", id="HTML as .xls"),
        pytest.param(b"MIME-Version: 1.0\r\n", "is a web page (HTML)", id="MHTML"),
        pytest.param(b"<!DOCTYPE HTML><table>", "is a web page (HTML)", id="HTML with a doctype"),
        pytest.param("<meta charset=utf-16><table>".encode("utf-16"), "is a web page (HTML)", id="HTML in UTF-16"),
        pytest.param(b'<?xml version="1.0"?>\n<?mso-application?><Workbook>', "or XML", id="XML of Excel 2003"),
        pytest.param(b"PK\x03\x04nonsense", "no XLSX file, or is damaged", id="a damaged workbook"),
        pytest.param(b"a;b\0c", "neither CSV nor XLSX", id="binary"),
        pytest.param(
            ";".join(HEADING).encode("cp1251") + b"\n\x98;", "something is no Windows-1251", id="in no encoding"
        ),
        pytest.param(
            ";".join(HEADING).encode() + b'\n"' + b"x" * 140_000, "in record 2, a quote", id="an endless cell"
        ),
    ],
)
def test_an_input_that_is_none_is_told(batch: Batch, content: bytes | None, said: str) -> None:
    source = batch.folder / "in.csv"
    if content is not None:
        source.write_bytes(content)
    batch(source).fails(2, said)


def test_what_is_no_file_with_rows_is_told(batch: Batch) -> None:
    os.mkfifo(batch.folder / "in.csv")
    batch(batch.folder / "in.csv").fails(2, "is no regular file, and can be read only once")
    batch(workbook(batch.folder / "in.xlsx", [])).fails(2, "must hold headings")


def quoted(above: str, below: str) -> str:
    """A table whose last column holds one text in the fourth record, and another in the tenth."""
    rows = [";".join([*row, "ООО"]) for row in people(12, 52)]
    rows[2] = rows[2].replace("ООО", above)
    rows[8] = rows[8].replace("ООО", below)
    return "\n".join([";".join([*HEADING, "Место работы"]), *rows, ""])


ROWS_WITHIN = "in record 4, a cell holds what looks like further rows"
UNCLOSED = "in record 4, a quote is opened and not closed, or stands within a quoted cell"


@pytest.mark.parametrize(
    ("above", "below", "said"),
    [
        pytest.param('"Завод', "ООО", UNCLOSED, id="never closed"),
        pytest.param('"Завод', '"Рога и копыта"', UNCLOSED, id="closed where another begins"),
        pytest.param('"ООО "Рога""', "ООО", UNCLOSED, id="quotes within quotes"),
        pytest.param('"Завод', 'Рога и копыта"', ROWS_WITHIN, id="closed by another's stray quote"),
    ],
)
def test_a_quote_that_would_make_one_person_of_several_is_told(batch: Batch, above: str, below: str, said: str) -> None:
    source = batch.folder / "in.csv"
    source.write_text(quoted(above, below), encoding="utf-8")
    batch(source).fails(2, said)
    assert batch.files() == ["in.csv"]


@pytest.mark.parametrize(
    "cell",
    ['ООО "Рога"', '"ООО ""Рога"""', '"Выдан: ОВД; 01.02.2003;\nкод 770"', '"а;б;в;г;д;е;ё\nж"'],
    ids=["within the cell", "doubled", "two lines with a date", "two lines with separators"],
)
def test_quotes_that_can_be_read_are(batch: Batch, cell: str) -> None:
    source = batch.folder / "in.csv"
    source.write_text(quoted(cell, "ООО"), encoding="utf-8")
    assert "the connection was refused" in batch(source).err


@pytest.mark.parametrize(
    ("out", "said"),
    [
        pytest.param("in.csv", "IN and OUT are the same file", id="the input itself"),
        pytest.param("out.pdf", "must end in .csv, .tsv or .xlsx", id="an unknown kind"),
        pytest.param("folder.csv", "is no regular file", id="a folder"),
        pytest.param("nosuch/out.csv", "cannot write", id="a folder that is not there"),
    ],
)
def test_an_output_that_cannot_be_is_told(batch: Batch, out: str, said: str) -> None:
    source = write(batch.folder / "in.csv", people(1, 50))
    (batch.folder / "folder.csv").mkdir()
    batch(source, out=out).fails(2, said)
    assert read(source)[0] == HEADING
    assert batch.files() == ["folder.csv", "in.csv"]


ROWS = people(3, 51)
NOBODY = ["", "not_found", ""]


def answer_without_output(batch: Batch) -> Path:
    """A run whose OUT could not be made: its journal."""
    in_the_way = batch.folder / ".out.csv.new"
    in_the_way.mkdir()
    batch(ROWS, answering({})).fails(1, f"{in_the_way}: Is a directory; the same command goes on once")
    in_the_way.rmdir()
    return batch.folder / "out.csv.part"


@pytest.mark.parametrize("kind", ["an output", "a journal"])
@pytest.mark.parametrize(
    ("rows", "heading", "said"),
    [
        pytest.param(ROWS, [*HEADING[:-1], "Номер"], "its headings are not the input's", id="other headings"),
        pytest.param([ROWS[1]], HEADING, "row 2 is not the input's", id="another person in the row"),
        pytest.param(ROWS[:1], HEADING, "it has more rows", id="more rows"),
    ],
)
def test_the_answers_of_another_input_are_left_alone(
    batch: Batch, kind: str, rows: list[list[str]], heading: list[str], said: str
) -> None:
    held = batch.folder / "out.csv"
    if kind == "an output":
        assert batch(ROWS, answering({})).status == 0
    else:
        held = answer_without_output(batch)
    before = held.read_bytes()
    batch(write(batch.folder / "in.csv", rows, heading)).fails(2, f"{held} belongs to another input ({said}")
    assert held.read_bytes() == before
    assert batch.files() == ["in.csv", held.name]


def database(statement: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(statement)
        return db.serialize()


JOURNAL = database(
    "CREATE TABLE inn_batch AS WITH RECURSIVE row(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM row LIMIT 3000) "
    "SELECT number, '' AS texts, '' AS inn, '' AS status, '' AS details FROM row"
)
NO_JOURNAL = "is no journal of inn batch, or is damaged"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("out.csv", ";".join(HEADING).encode(), "its headings are not the input's", id="no answers in it"),
        pytest.param("out.csv.part", "мои заметки".encode(), NO_JOURNAL, id="a text"),
        pytest.param("out.csv.part", database("CREATE TABLE notes (x)"), NO_JOURNAL, id="a database"),
        pytest.param("out.csv.part", database("CREATE TABLE inn_batch (x)"), NO_JOURNAL, id="another table"),
        pytest.param("out.csv.part", JOURNAL[:8192], NO_JOURNAL, id="cut short"),
        pytest.param("out.csv.part", JOURNAL[:12288].ljust(len(JOURNAL), b"\0"), NO_JOURNAL, id="with lost pages"),
    ],
)
def test_what_it_did_not_write_is_left_alone(batch: Batch, name: str, content: bytes, said: str) -> None:
    held = batch.folder / name
    held.write_bytes(content)
    batch(ROWS).fails(2, said)
    assert held.read_bytes() == content
    assert batch.files() == ["in.csv", name]


def test_a_journal_stays_while_it_holds_what_out_does_not(batch: Batch) -> None:
    part, in_the_way = batch.folder / "out.csv.part", batch.folder / ".out.csv.new"
    part.touch()
    in_the_way.mkdir()
    assert (batch(ROWS).status, part.exists()) == (1, False)
    in_the_way.rmdir()
    answer_without_output(batch)
    assert "3 rows: 3 not_found; 0 asked for" in batch(ROWS).out
    assert batch.files() == ["in.csv", "out.csv"]


def test_a_run_that_was_refused_is_not_in_the_way_of_the_next(batch: Batch) -> None:
    """Nor one that was not refused, but answered nobody."""
    first, out = write(batch.folder / "first.csv", ROWS), batch.folder / "out.csv"
    other = write(batch.folder / "other.csv", ROWS, [*HEADING[:-1], "Номер"])
    write(out, [[*row, *NOBODY] for row in ROWS[:2]], OUT_HEADING)
    assert "out.csv belongs to another input" in batch(other).err
    for _ in range(2):
        assert "the connection was refused: is the service running there?; 2 rows are in" in batch(first).err
    assert batch.files() == ["first.csv", "other.csv", "out.csv"]


def test_whose_output_it_is_is_seen_before_anybody_is_asked_for(batch: Batch) -> None:
    failed = [[*row, "", "failed", "x"] for row in ROWS[:2]]
    write(batch.folder / "out.csv", [*failed, [*ROWS[0], *NOBODY]], OUT_HEADING)
    assert "row 4 is not the input's" in batch(ROWS, (401, {}, b"{}"), options="--window 1").err
    assert batch.there.bodies == []


@pytest.mark.parametrize(
    "cell", ["Ива\x01нов", "ж " * 20_000, "ж" * 32_767], ids=["a control character", "more than fits", "just what fits"]
)
def test_what_a_workbook_cannot_hold_does_not_estrange_it_from_its_input(batch: Batch, cell: str) -> None:
    source = write(batch.folder / "in.csv", [[cell, *ROWS[0]]], ["Заметка", *HEADING])
    for said in ("1 asked for", "0 asked for"):
        assert said in batch(source, answering({}), out="out.xlsx").out


def test_a_longer_cell_that_only_begins_alike_is_another_input_s(batch: Batch) -> None:
    source = write(batch.folder / "in.csv", [["ж" * 40_000, *ROWS[0]]], ["Заметка", *HEADING])
    write(batch.folder / "out.csv", [["ж" * 30_000, *ROWS[0], *NOBODY]], ["Заметка", *OUT_HEADING])
    assert "row 2 is not the input's" in batch(source).err
