"""`inn batch`: every kind of table against the local runtime, and what becomes of rows that are not right."""

import io
import json
import re
import sys
import tracemalloc
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from adapters.cli.batch import runner
from tests.adapters.cli.conftest import Batch, Reply, Response, answering
from tests.adapters.cli.people import HEADING, people, read, workbook, write
from tests.system.local.conftest import LocalRuntime

IVANOVA = ["Иванова", "Анна", "Петровна", "15.07.1990", "4511", "123456"]
PETROV = ["Петров", "Иван", "Сергеевич", "01.01.1985", "0405", "001234"]
FOUND = {"Иванова": ["770000000082", "found", ""], "Петров": ["770000000300", "found", ""]}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between two tries, for tests that count them."""
    monkeypatch.setattr(runner, "FIRST_RETRY_SEC", 0.01)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_csv_file_is_read_as_it_is_and_written_alike(
    batch: Batch, runtime: LocalRuntime, encoding: str, delimiter: str
) -> None:
    source = write(batch.folder / "in.csv", [IVANOVA, PETROV], encoding=encoding, delimiter=delimiter)
    assert batch(source, runtime.url).status == 0
    assert read(batch.out, encoding, delimiter) == [
        [*HEADING, "inn", "status", "details"],
        [*IVANOVA, *FOUND["Иванова"]],
        [*PETROV, *FOUND["Петров"]],
    ]
    assert batch.out.read_bytes().startswith(source.read_bytes()[:3])


ABOVE = {
    "sep=;": ("sep=;\n", ";"),
    "a tab": ("sep=\t\r\n", "\t"),
    "an unusual separator below blank lines": ("\r\n\nSEP=^\n", "^"),
    "sep= not alone in its line": ("sep=,;\n", ";"),
    "blank lines": ("\n;;;\n\n", ";"),
    "blank lines with commas": (" \n,,\n", ","),
}


@pytest.mark.parametrize(("above", "separator"), ABOVE.values(), ids=ABOVE)
def test_what_stands_above_the_headings_is_skipped(batch: Batch, above: str, separator: str) -> None:
    source = write(batch.folder / "in.csv", [IVANOVA], delimiter=separator)
    source.write_text(above + source.read_text(encoding="utf-8"), encoding="utf-8")
    assert batch(source, answering({})).status == 0
    assert read(batch.out, delimiter=separator)[1] == [*IVANOVA, "", "not_found", ""]


def test_the_id_of_a_row_is_one_that_the_log_shows(batch: Batch) -> None:
    assert batch([IVANOVA, PETROV], answering({})).status == 0
    runs, numbers = zip(*(each["requestId"].rsplit("-", 1) for each in batch.there.bodies), strict=True)
    assert sorted(numbers) == ["1", "2"]
    assert {str(UUID(run)) for run in runs} == set(runs)


def test_a_date_that_is_none_names_the_forms_that_a_table_may_have(batch: Batch, runtime: LocalRuntime) -> None:
    batch([[*IVANOVA[:3], "1990-02-31", *IVANOVA[4:]]], runtime.url)
    said = "Дата рождения: must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd"
    assert batch.rows()[0][-3:] == ["", "rejected", said]


def test_a_spreadsheet_keeps_its_numbers_and_days(batch: Batch, runtime: LocalRuntime) -> None:
    born = datetime(1985, 1, 1)  # noqa: DTZ001  # spreadsheets know no zones
    row = ["Петров", "Иван", "Сергеевич", born, 405.0, 1234, date(2005, 2, 10), "=1+1"]
    heading = [*HEADING, "Дата выдачи", "Заметка"]
    worked = timedelta(hours=30)
    source = workbook(batch.folder / "in.xlsx", [[], heading, row, [], [*IVANOVA, None, worked], [None, ""]])
    assert batch(source, runtime.url, out="out.xlsx").status == 0
    first, second, blank, third = read(batch.out)
    assert first == [*heading, "inn", "status", "details"]
    # A formula's value is read, which nobody has computed here.
    assert second[:7] == ["Петров", "Иван", "Сергеевич", born, 405, 1234, datetime(2005, 2, 10)]  # noqa: DTZ001
    assert second[8:10] == ["770000000300", "found"]
    assert not any(blank)
    assert third[7:10] == [worked, "770000000082", "found"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_remark_beside_a_spreadsheet_is_carried_along(batch: Batch, kind: str) -> None:
    """Behind the answers, where no heading is missed; a run that goes on does not mind it."""
    # It looks like two rows of OUT, which a quote that is not closed would join.
    remark = "call back\n;;;;;;;;01.02.2026"
    rows: list[list[object]] = [[*IVANOVA, None, remark], [*PETROV, ""], [None] * 6 + [7]]
    source = workbook(batch.folder / "in.xlsx", [HEADING, *rows])
    for count in ("2 asked for", "0 asked for"):
        ended = batch(source, answering({}), out=f"out.{kind}")
        assert (ended.status, count in ended.out) == (0, True)
        said = [" ".join(str(cell) for cell in row[7:] if cell) for row in batch.rows()]
        assert said == [f"not_found {remark}", "not_found", "7"]
        assert str(batch.rows()[2][9]) == "7"


@pytest.mark.parametrize(("source_kind", "out_kind"), [("csv", "xlsx"), ("xlsx", "csv"), ("xlsx", "tsv")])
def test_one_kind_is_written_as_another_and_resumed(batch: Batch, source_kind: str, out_kind: str) -> None:
    write(batch.folder / "in.csv", [[*PETROV[:3], "1985-01-01", "0405", "=2"], IVANOVA])
    born = datetime(1985, 1, 1)  # noqa: DTZ001
    workbook(batch.folder / "in.xlsx", [HEADING, [*PETROV[:3], born, 405.0, 1234.0], IVANOVA])
    source, out = batch.folder / f"in.{source_kind}", f"out.{out_kind}"
    assert batch(source, answering({"Петров": "bad_reply: what"}), answering({}), out=out).status == 0
    assert "2 rows: 2 not_found; 0 asked for" in batch(source, out=out).out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("within", ["\r", "\n", "\r\n", "\r\r"])
def test_a_line_within_a_cell_does_not_end_its_row(batch: Batch, newline: str, within: str) -> None:
    lines = [";".join([*HEADING, "Заметка"]), ";".join([*IVANOVA, f'"раз{within}два"']), ""]
    source = batch.folder / "in.csv"
    source.write_text(newline.join(lines), encoding="utf-8", newline="")
    for said in ("1 asked for", "0 asked for"):
        ended = batch(source, answering({}))
        assert (ended.status, said in ended.out) == (0, True), ended.err
    assert batch.rows()[0][6].split() == ["раз", "два"]


def test_text_that_looks_like_a_formula_stays_text(batch: Batch) -> None:
    batch([["=1+1", *IVANOVA[1:3], "\x07", *IVANOVA[4:]]], answering({}), out="out.xlsx")
    assert batch.rows()[0][0] == "=1+1"
    assert openpyxl.load_workbook(batch.out).worksheets[0]["A2"].data_type == "s"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_details_are_no_longer_than_a_cell(batch: Batch, kind: str) -> None:
    for _ in range(2):
        ended = batch([IVANOVA], answering({"Иванова": f"rejected: {'x' * 140_000}"}), out=f"out.{kind}")
        assert (ended.status, ended.err) == (0, "")
    assert batch.rows()[0][-2:] == ["rejected", "x" * 32_767]


@pytest.mark.usefixtures("hurried")
def test_only_what_has_failed_is_asked_for_again(batch: Batch) -> None:
    rows = [[name, *IVANOVA[1:]] for name in ("Авдеев", "Белов", "Вехов", "Гусев", "Дымов")]
    statuses = {"Авдеев": "found", "Белов": "rejected", "Гусев": "ambiguous", "Дымов": "not_found"}
    ended = batch(rows, answering({**statuses, "Вехов": "bad_reply"}))
    assert ended.status == 1
    assert "5 rows: 1 found, 1 not_found, 1 ambiguous, 1 rejected, 1 failed" in ended.out
    assert batch(rows, answering({"Вехов": "found"})).status == 0
    assert [request["lastName"] for request in batch.there.bodies] == ["Вехов"]
    assert [row[-2] for row in batch.rows()] == ["found", "rejected", "found", "ambiguous", "not_found"]


def test_rows_that_are_none_keep_their_place(batch: Batch) -> None:
    source = batch.folder / "in.csv"
    lines = [";".join(row) for row in (HEADING, IVANOVA, [], [*PETROV, "more"], ["Ким" * 9000, *PETROV[1:]], PETROV)]
    source.write_text("\n".join([*lines, "", ";;;;;", ""]), encoding="utf-8")
    assert batch(source, answering({})).status == 0
    width = len(HEADING)
    answers = [row[width : width + 3] for row in batch.rows()]
    assert [row[width + 3 :] for row in batch.rows()] == [[], [], ["more"], [], []]
    assert [status for _, status, _ in answers] == ["not_found", "", "rejected", "rejected", "not_found"]
    assert answers[2][2].startswith("the row has more cells than the heading")
    assert answers[3][2] == "the row is too long"
    assert len(batch.there.bodies) == 2


SAID = ["deadline: later", "provider_closed: later", "in_progress: later", "store_unavailable: no", "bad_reply: no"]
BUSY: Reply = (503, {"retry-after": "1"}, json.dumps({"detail": "busy"}).encode())
FAULT: Reply = (500, {}, json.dumps({"detail": "a fault"}).encode())
IN_VAIN = answering({"Иванова": "bad_reply: it can't be trusted"})


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("replies", "count", "answer"),
    [
        # The service's deadline, its pace and its cool-downs only make it take longer.
        pytest.param(
            [BUSY, *(answering({"Иванова": word}) for word in SAID), answering({"Иванова": "ambiguous"})],
            len(SAID) + 2,
            ["", "ambiguous", ""],
            id="whose turn has not come has not failed",
        ),
        pytest.param([IN_VAIN], 3, ["", "failed", "bad_reply: it can't be trusted"], id="three tries in vain"),
        pytest.param([FAULT], 3, ["", "failed", "the service at {url} answers 500: a fault"], id="three faults"),
        pytest.param([FAULT, answering({})], 2, ["", "not_found", ""], id="a fault that does not come again"),
    ],
)
def test_a_person_has_failed_after_three_tries(
    batch: Batch, replies: list[Reply], count: int, answer: list[str]
) -> None:
    assert batch([IVANOVA], *replies).status == ("failed" in answer)
    assert len(batch.there.bodies) == count
    assert batch.rows()[0][-3:] == [text.format(url=batch.there.url) for text in answer]


def test_a_service_that_answers_nobody_ends_the_run_and_loses_nothing(batch: Batch) -> None:
    closed = answering({"Петров": "provider_closed: come back tomorrow"})
    batch([IVANOVA, PETROV], closed, options="--patience 1").fails(
        1, "nobody was answered for 1 s (provider_closed: come back tomorrow); 1 rows are in"
    )
    assert [row[-2] for row in batch.rows()] == ["not_found"]


WHY = f"provider_closed: [later] {'x' * 80}"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("err", "sought"),
    [
        # In one frame with the bar, which has all of its room.
        pytest.param(Terminal(), rf"1/2\b.*\d/s.* 1 found\n{re.escape(WHY[:79])}…", id="a terminal"),
        pytest.param(io.StringIO(), rf"inn: 1 rows so far: 1 found; {re.escape(WHY)}\n", id="a file"),
    ],
)
def test_why_it_stands_is_shown_while_it_does(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, err: io.StringIO, sought: str
) -> None:
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(runner, "REPORT_SEC", 0.01)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    def closed(request: Any) -> Response:
        # The first row is answered, the second one waits until it is told why.
        waits = not re.search(sought, err.getvalue())
        return answering({"Иванова": "found", "Петров": WHY if waits else "found"})(request)

    assert batch([IVANOVA, PETROV], closed, options="--patience 60").status == 0
    assert re.search(sought, err.getvalue())


@pytest.mark.parametrize("row", [PETROV, ["x" * 140_000]], ids=["another person", "no table any more"])
def test_an_input_that_is_changed_meanwhile_leaves_the_answers_where_it_says(batch: Batch, row: list[str]) -> None:
    def changing(request: Any) -> Response:
        write(batch.folder / "in.csv", [row])
        return answering({})(request)

    batch([IVANOVA], changing).fails(2, f"; 1 rows are in {batch.out}.part")
    assert not batch.out.exists()
    assert "1 not_found; 0 asked for" in batch([IVANOVA]).out
    assert batch.rows() == [[*IVANOVA, "", "not_found", ""]]


def another_s(request: Any) -> Response:
    return answering({})({**request, "requestId": "other"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param((401, {}, b"{}"), "wants a token", id="a token is wanted"),
        pytest.param((200, {}, b"[]"), "is not the INN service", id="no reply"),
        pytest.param((413, {}, b'{"detail": "expected less"}'), "answers 413: expected less", id="too much"),
        pytest.param(another_s, "do not belong to the requests", id="another's reply"),
    ],
)
def test_what_the_service_refuses_ends_the_run(batch: Batch, answer: Reply, said: str) -> None:
    batch(people(50, 40), answer).fails(1, said)
    assert batch.rows() == []


def test_the_output_is_for_those_who_may_read_the_input(batch: Batch) -> None:
    source = write(batch.folder / "in.csv", [IVANOVA])
    source.chmod(0o640)
    batch(source, answering({}))
    assert batch.out.stat().st_mode & 0o777 == 0o640
    assert batch.files() == ["in.csv", "out.csv"]


def test_memory_does_not_grow_with_the_table(batch: Batch) -> None:
    """Nobody is asked for: all rows are known, and go the way through reading, comparing and writing."""

    def peak(count: int) -> int:
        answers = [[*row, "", "not_found", ""] for row in rows[:count]]
        source = write(batch.folder / f"{count}.csv", rows[:count])
        write(batch.folder / f"{count}.out.csv", answers, [*HEADING, "inn", "status", "details"])
        tracemalloc.start()
        assert batch(source, out=f"{count}.out.csv").status == 0
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    rows = people(3000, 42)
    peak(2100)  # what is imported stays, and Python keeps up to 2000 tuples of a length for later
    assert peak(3000) - peak(1000) < 100_000
