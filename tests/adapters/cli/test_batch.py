"""`inn batch`: every kind of table against the local runtime, and what becomes of rows that are not right."""

import io
import json
import re
import sys
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from adapters.cli.batch import runner
from tests.adapters.cli.conftest import Host, Inn, Reply, Response, answering
from tests.adapters.cli.people import HEADING, people, read, workbook, write
from tests.system.local.conftest import LocalRuntime

IVANOVA = ["Иванова", "Анна", "Петровна", "15.07.1990", "4511", "123456"]
PETROV = ["Петров", "Иван", "Сергеевич", "01.01.1985", "0405", "001234"]
FOUND = {"Иванова": ["770000000082", "found", ""], "Петров": ["770000000300", "found", ""]}
Start = Callable[..., Host]


def cells(path: Path) -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(path, read_only=True)
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    book.close()
    return rows


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between two tries, for tests that count them."""
    monkeypatch.setattr(runner, "FIRST_RETRY_SEC", 0.01)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_csv_file_is_read_as_it_is_and_written_alike(
    batch: Inn, runtime: LocalRuntime, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    source = write(tmp_path / "in.csv", [IVANOVA, PETROV], encoding=encoding, delimiter=delimiter)
    out = tmp_path / "out.csv"
    assert batch(source, runtime.url).status == 0
    assert read(out, encoding, delimiter) == [
        [*HEADING, "inn", "status", "details"],
        [*IVANOVA, *FOUND["Иванова"]],
        [*PETROV, *FOUND["Петров"]],
    ]
    assert out.read_bytes().startswith(source.read_bytes()[:3])


@pytest.mark.parametrize(
    ("above", "separator"),
    [("sep=;\n", ";"), ("sep=\t\r\n", "\t"), ("SEP=^\n", "^"), ("\n;;;\n\n", ";"), (" \n,,\n", ",")],
    ids=["sep=;", "a tab", "an unusual separator", "blank lines", "blank lines with commas"],
)
def test_what_stands_above_the_headings_is_skipped(
    batch: Inn, host: Start, tmp_path: Path, above: str, separator: str
) -> None:
    source, out = write(tmp_path / "in.csv", [IVANOVA], delimiter=separator), tmp_path / "out.csv"
    source.write_text(above + source.read_text(encoding="utf-8"), encoding="utf-8")
    assert batch(source, host(answering({})).url).status == 0
    assert read(out, delimiter=separator)[1] == [*IVANOVA, "", "not_found", ""]


def test_the_id_of_a_row_is_one_that_the_log_shows(batch: Inn, host: Start, tmp_path: Path) -> None:
    there = host(answering({}))
    source = write(tmp_path / "in.csv", [IVANOVA, PETROV])
    assert batch(source, there.url).status == 0

    ids = [request["requestId"] for request in there.bodies]
    runs, numbers = zip(*(each.rsplit("-", 1) for each in ids), strict=True)
    assert sorted(numbers) == ["1", "2"]
    assert {str(UUID(run)) for run in runs} == set(runs)


def test_a_date_that_is_none_names_the_forms_that_a_table_may_have(
    batch: Inn, runtime: LocalRuntime, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.csv", [[*IVANOVA[:3], "1990-02-31", *IVANOVA[4:]]])
    batch(source, runtime.url)
    said = "Дата рождения: must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd"
    assert read(tmp_path / "out.csv")[1][-3:] == ["", "rejected", said]


@pytest.mark.parametrize(
    ("kind", "document", "person"),
    [("01", "IV-МЮ 123456", "ussr"), ("3", "V-АН № 654321", "baby"), ("10", "CZ1234567", "foreigner")],
)
def test_other_documents_in_one_column(  # noqa: PLR0917  # fixtures
    batch: Inn, runtime: LocalRuntime, tmp_path: Path, kind: str, document: str, person: str
) -> None:
    one = next(row for row in runtime.tax_service.people() if row["id"] == person)
    fields = ["lastName", "firstName", "middleName", "birthDate"]
    row = [*(one["request"][field] for field in fields), kind, document]
    source = write(tmp_path / "in.csv", [row], [*fields, "Вид документа", "Документ"])
    batch(source, runtime.url)
    assert read(tmp_path / "out.csv")[1][-3:] == [one["inn"], "found", ""]


def test_a_spreadsheet_keeps_its_numbers_and_days(batch: Inn, runtime: LocalRuntime, tmp_path: Path) -> None:
    born = datetime(1985, 1, 1)  # noqa: DTZ001  # spreadsheets know no zones
    row = ["Петров", "Иван", "Сергеевич", born, 405.0, 1234, date(2005, 2, 10), "=1+1"]
    heading = [*HEADING, "Дата выдачи", "Заметка"]
    source = workbook(tmp_path / "in.xlsx", [[], heading, row, [], IVANOVA, [None, ""]])
    out = tmp_path / "out.xlsx"
    assert batch(source, runtime.url, out=out.name).status == 0
    first, second, blank, third = cells(out)
    assert first == (*heading, "inn", "status", "details")
    # A formula's value is read, which nobody has computed here.
    assert second[:7] == ("Петров", "Иван", "Сергеевич", born, 405, 1234, datetime(2005, 2, 10))  # noqa: DTZ001
    assert second[8:10] == ("770000000300", "found")
    assert not any(blank)
    assert third[8:10] == ("770000000082", "found")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_remark_beside_a_spreadsheet_is_carried_along(batch: Inn, host: Start, tmp_path: Path, kind: str) -> None:
    """Behind the answers, where no heading is missed; a run that goes on does not mind it."""
    there = host(answering({}))
    rows: list[list[object]] = [[*IVANOVA, None, "call back"], [*PETROV, ""], [None] * 6 + [7]]
    source, out = workbook(tmp_path / "in.xlsx", [HEADING, *rows]), tmp_path / f"out.{kind}"
    for count in ("2 asked for", "0 asked for"):
        ended = batch(source, there.url, out=out.name)
        assert (ended.status, count in ended.out) == (0, True)
        written: Sequence[Sequence[object]] = read(out) if kind == "csv" else cells(out)
        said = [" ".join(str(cell) for cell in row[7:] if cell) for row in written[1:]]
        assert said == ["not_found call back", "not_found", "7"]
        assert str(written[3][9]) == "7"


@pytest.mark.parametrize(("source_kind", "out_kind"), [("csv", "xlsx"), ("xlsx", "csv"), ("xlsx", "tsv")])
def test_one_kind_is_written_as_another_and_resumed(
    inn: Inn, host: Start, tmp_path: Path, source_kind: str, out_kind: str
) -> None:
    there = host(answering({"Петров": "bad_reply: what"}), answering({}))
    rows = [[*PETROV[:3], "1985-01-01", "0405", "=2"], IVANOVA]
    write(tmp_path / "in.csv", rows)
    born = datetime(1985, 1, 1)  # noqa: DTZ001
    workbook(tmp_path / "in.xlsx", [HEADING, [*PETROV[:3], born, 405.0, 1234.0], IVANOVA])
    call = ["batch", str(tmp_path / f"in.{source_kind}"), "-o", str(tmp_path / f"out.{out_kind}"), "--url", there.url]
    assert inn(*call).status == 0
    asked = len(there.bodies)
    ended = inn(*call)
    assert "2 rows: 2 not_found; 0 asked for" in ended.out
    assert len(there.bodies) == asked


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("within", ["\r", "\n", "\r\n", "\r\r"])
def test_a_line_within_a_cell_does_not_end_its_row(
    batch: Inn, host: Start, tmp_path: Path, newline: str, within: str
) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = [";".join([*HEADING, "Заметка"]), ";".join([*IVANOVA, f'"раз{within}два"']), ""]
    source.write_text(newline.join(lines), encoding="utf-8", newline="")
    there = host(answering({}))
    for said in ("1 asked for", "0 asked for"):
        ended = batch(source, there.url)
        assert (ended.status, said in ended.out) == (0, True), ended.err
    assert read(out)[1][6].split() == ["раз", "два"]


def test_text_that_looks_like_a_formula_stays_text(batch: Inn, host: Start, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [["=1+1", *IVANOVA[1:3], "\x07", *IVANOVA[4:]]])
    out = tmp_path / "out.xlsx"
    batch(source, host(answering({})).url, out=out.name)
    assert cells(out)[1][0] == "=1+1"
    assert openpyxl.load_workbook(out).worksheets[0]["A2"].data_type == "s"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_details_are_no_longer_than_a_cell(batch: Inn, host: Start, tmp_path: Path, kind: str) -> None:
    source, out = write(tmp_path / "in.csv", [IVANOVA]), tmp_path / f"out.{kind}"
    there = host(answering({"Иванова": f"rejected: {'x' * 140_000}"}))
    for _ in range(2):
        ended = batch(source, there.url, out=out.name)
        assert (ended.status, ended.err) == (0, "")
    row = read(out)[1] if kind == "csv" else cells(out)[1]
    assert row[-2:] == type(row)(["rejected", "x" * 32_767])


@pytest.mark.usefixtures("hurried")
def test_only_what_has_failed_is_asked_for_again(inn: Inn, host: Start, tmp_path: Path) -> None:
    rows = [[name, *IVANOVA[1:]] for name in ("Авдеев", "Белов", "Вехов", "Гусев", "Дымов")]
    source = write(tmp_path / "in.csv", rows)
    statuses = {"Авдеев": "found", "Белов": "rejected", "Вехов": "failed", "Гусев": "ambiguous", "Дымов": "not_found"}
    first = host(answering(statuses))
    call = ["batch", str(source), "-o", str(tmp_path / "out.csv"), "--url"]
    ended = inn(*call, first.url)
    assert ended.status == 1
    assert "5 rows: 1 found, 1 not_found, 1 ambiguous, 1 rejected, 1 failed" in ended.out
    second = host(answering({"Вехов": "found"}))
    assert inn(*call, second.url).status == 0
    assert [request["lastName"] for request in second.bodies] == ["Вехов"]
    again = ["found", "rejected", "found", "ambiguous", "not_found"]
    assert [row[-2] for row in read(tmp_path / "out.csv")[1:]] == again


def test_rows_that_are_none_keep_their_place(batch: Inn, host: Start, tmp_path: Path) -> None:
    there = host(answering({}))
    source = tmp_path / "in.csv"
    lines = [";".join(row) for row in (HEADING, IVANOVA, [], [*PETROV, "more"], ["Ким" * 9000, *PETROV[1:]], PETROV)]
    source.write_text("\n".join([*lines, "", ";;;;;", ""]), encoding="utf-8")
    assert batch(source, there.url).status == 0
    width = len(HEADING)
    rows = read(tmp_path / "out.csv")[1:]
    answers = [row[width : width + 3] for row in rows]
    assert [row[width + 3 :] for row in rows] == [[], [], ["more"], [], []]
    assert [status for _, status, _ in answers] == ["not_found", "", "rejected", "rejected", "not_found"]
    assert answers[2][2].startswith("the row has more cells than the heading")
    assert answers[3][2] == "the row is too long"
    assert len(there.bodies) == 2


@pytest.mark.usefixtures("hurried")
def test_waiting_for_ones_turn_is_no_failure(batch: Inn, host: Start, tmp_path: Path) -> None:
    """The service's deadline, its pace and its cool-downs only make it take longer."""
    said = ["deadline: later", "provider_closed: later", "in_progress: later", "store_unavailable: no", "bad_reply: no"]
    busy = (503, {"retry-after": "1"}, json.dumps({"detail": "busy"}).encode())
    there = host(busy, *(answering({"Иванова": word}) for word in said), answering({"Иванова": "ambiguous"}))
    source = write(tmp_path / "in.csv", [IVANOVA])
    assert batch(source, there.url).status == 0
    assert len(there.bodies) == len(said) + 2
    assert read(tmp_path / "out.csv")[1][-2] == "ambiguous"


@pytest.mark.usefixtures("hurried")
def test_a_person_asked_for_in_vain_has_failed_after_three_tries(batch: Inn, host: Start, tmp_path: Path) -> None:
    there = host(answering({"Иванова": "bad_reply: it can't be trusted"}))
    source = write(tmp_path / "in.csv", [IVANOVA])
    assert batch(source, there.url).status == 1
    assert len(there.bodies) == 3
    assert read(tmp_path / "out.csv")[1][-3:] == ["", "failed", "bad_reply: it can't be trusted"]


def test_a_service_that_answers_nobody_ends_the_run_and_loses_nothing(batch: Inn, host: Start, tmp_path: Path) -> None:
    there = host(answering({"Петров": "provider_closed: come back tomorrow"}))
    source = write(tmp_path / "in.csv", [IVANOVA, PETROV])
    batch(source, there.url, "--patience", "1").fails(
        1, "nobody was answered for 1 s (provider_closed: come back tomorrow); 1 rows are in"
    )
    assert [row[-2] for row in read(tmp_path / "out.csv")[1:]] == ["not_found"]


WHY = f"provider_closed: [later] {'x' * 80}"


class Watched(io.StringIO):
    """Standard error, a terminal or none; `told` is set once a pattern is seen there."""

    def __init__(self, sought: str, *, terminal: bool) -> None:
        super().__init__()
        self._sought = re.compile(sought)
        self._terminal = terminal
        self.told = threading.Event()

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        if self._sought.search(text):
            self.told.set()
        return super().write(text)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("kind", "sought"),
    [
        # In one frame with the bar, which has all of its room.
        ("a terminal", rf"1/2\b.*\d/s.* 1 found\n{re.escape(WHY[:79])}…"),
        ("a file", f"inn: 1 rows so far: 1 found; {re.escape(WHY)}\n"),
    ],
)
def test_why_it_stands_is_shown_while_it_does(  # noqa: PLR0917  # fixtures
    batch: Inn, host: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, sought: str
) -> None:
    err = Watched(sought, terminal=kind == "a terminal")
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(runner, "REPORT_SEC", 0.01)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    def closed(request: Any) -> Response:
        # The first row is answered, the second one waits until it is told why.
        return answering({"Иванова": "found", "Петров": "found" if err.told.is_set() else WHY})(request)

    source = write(tmp_path / "in.csv", [IVANOVA, PETROV])
    ended = batch(source, host(closed).url, "--patience", "60")
    assert (ended.status, err.told.is_set()) == (0, True)


def test_an_input_that_is_changed_meanwhile_leaves_the_answers_where_it_says(
    batch: Inn, host: Start, tmp_path: Path
) -> None:
    source, out = write(tmp_path / "in.csv", [IVANOVA]), tmp_path / "out.csv"

    def changing(request: Any) -> Response:
        write(source, [PETROV])
        return answering({})(request)

    batch(source, host(changing).url).fails(2, f"; 1 rows are in {out}.part")
    assert not out.exists()
    write(source, [IVANOVA])
    assert "1 not_found; 0 asked for" in batch(source).out
    assert read(out)[1] == [*IVANOVA, "", "not_found", ""]


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
def test_what_the_service_refuses_ends_the_run(
    batch: Inn, host: Start, tmp_path: Path, answer: Reply, said: str
) -> None:
    source = write(tmp_path / "in.csv", people(50, 40))
    batch(source, host(answer).url).fails(1, said)
    assert read(tmp_path / "out.csv")[1:] == []


def test_the_output_is_for_those_who_may_read_the_input(batch: Inn, host: Start, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [IVANOVA])
    source.chmod(0o640)
    batch(source, host(answering({})).url)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_memory_does_not_grow_with_the_table(inn: Inn, tmp_path: Path) -> None:
    """Nobody is asked for: all rows are known, and go the way through reading, comparing and writing."""

    def peak(count: int) -> int:
        source, out = tmp_path / f"{count}.csv", tmp_path / f"{count}.out.csv"
        write(source, rows[:count])
        write(out, [[*row, "", "not_found", ""] for row in rows[:count]], [*HEADING, "inn", "status", "details"])
        tracemalloc.start()
        assert inn("batch", str(source), "-o", str(out)).status == 0
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    rows = people(3000, 42)
    # What is imported stays, and Python keeps up to 2000 tuples of a length for later.
    peak(2100)
    assert peak(3000) - peak(1000) < 100_000
