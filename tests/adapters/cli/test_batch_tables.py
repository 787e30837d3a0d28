"""Tables as people make them: where the people are in them, which column is what, what stands in a cell.

Each kind has its row: the table, and the persons that are asked for.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from function.request import LookupRequest, parse
from tests.adapters.cli.conftest import Batch, Ended, answering
from tests.adapters.cli.people import workbook

IVANOVA = ("Иванова", "Анна", "Петровна", "1990-07-15", "4511", "123456")
PETROV = ("Петров", "Иван", "Сергеевич", "1985-01-01", "0405", "001234")
FIELDS = ("lastName", "firstName", "middleName", "birthDate", "documentSerial", "documentNumber")
H = "Фамилия;Имя;Отчество;Дата рождения;Серия;Номер"
R = "Иванова;Анна;Петровна;15.07.1990;4511;123456"
HEADING, ROW = H.split(";"), R.split(";")
ONE = "Иванова Анна Петровна;15.07.1990;4511 123456"
Rows = Sequence[Sequence[object]]
Asked = Callable[..., tuple[Ended, list[dict[str, Any]]]]


@pytest.fixture
def asked(batch: Batch) -> Asked:
    """Runs a batch of lines, of a workbook's rows, or of a file; returns how it ended, and the requests in order."""

    def run(source: Path | Sequence[str] | Rows, *options: str) -> tuple[Ended, list[dict[str, Any]]]:
        if not isinstance(source, Path):
            lines = [line for line in source if isinstance(line, str)]
            csv, xlsx = batch.folder / "in.csv", batch.folder / "in.xlsx"
            source = text(csv, *lines) if lines else workbook(xlsx, [[*row] for row in source])
        ended = batch(source, answering({}), options=shlex.join(options))
        return ended, sorted(batch.there.bodies, key=lambda request: int(request["requestId"].rpartition("-")[2]))

    return run


def persons(requests: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """As the service reads them: it puts back the zeros that numbers have lost."""
    found = [[request.get(field, "") for field in FIELDS] for request in requests]
    return [(*names, serial.zfill(4), number.zfill(6)) for *names, serial, number in found]


def text(path: Path, *lines: str) -> Path:
    """A CSV file of these lines."""
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


TWO_ROWS = ["Фамилия;Имя;Отчество;Дата;Паспорт;", ";;;рождения;серия;номер"]
WHERE = {
    "headings first": ([H, R], 1),
    "a title, an empty row and a date above": (["Список сотрудников", "", "на 01.05.2026", H, R], 4),
    "headings in two rows, merged above": ([*TWO_ROWS, R], 1),
    "two rows below a title": (["Список", "", *TWO_ROWS, R], 3),
    "a group's heading above names that speak for themselves": (["Персональные данные;;;;Документ;", H, R], 2),
    "numbers of the columns below": ([H, "1;2;3;4;5;6", R], 1),
    "a total at the end": ([H, R, "Итого:;;;;;1"], 1),
    "a total in words": ([H, R, "Всего 1 человек"], 1),
    "groups between the rows": ([H, "Отдел продаж", R, "Склад"], 1),
    "a signature below": ([H, R, "", "Директор;;Петров П.П."], 1),
    "headings repeated on the next page": ([H, R, H], 1),
}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(("lines", "row"), WHERE.values(), ids=WHERE)
def test_the_people_are_found(asked: Asked, lines: list[str], row: int, kind: str) -> None:
    ended, requests = asked(lines if kind == "csv" else [line.split(";") if line else [] for line in lines])
    assert (ended.status, persons(requests)) == (0, [IVANOVA]), ended.err
    assert f"headings in row {row} (" in ended.out
    others = len(lines) - row - 1 - (lines[row - 1 : row + 1] == TWO_ROWS)
    assert (f", {others} without a person; 1 asked for" in ended.out) == bool(others)


def test_the_end_tells_apart_who_was_asked_for_who_was_not_right_and_what_is_nobody(
    asked: Asked, tmp_path: Path
) -> None:
    both, wrong = ("Иванова;Анна;Петровна;15.07.1990;4511 12345;", "Иванова;Анна;Петровна;15.07.1990;4511;12")
    ended, requests = asked([H, R, "Отдел продаж", both, wrong, "Итого;3"])
    assert ended.out.splitlines()[0] == (
        "headings in row 1 (read as UTF-8, separated by ;): A Фамилия: last name, B Имя: first name, "
        "C Отчество: middle name, D Дата рождения: birth date, E Серия: document serial, F Номер: document number"
    )
    assert len(requests) == 2
    assert "5 rows: 2 not_found, 1 rejected, 2 without a person; 2 asked for" in ended.out
    written = (tmp_path / "out.csv").read_text("utf-8").splitlines()
    assert written[3].endswith(";rejected;Серия: must be a series of 4 digits and a number of 6, as NN NN NNNNNN")


IVAN = "Петров;Иван;Сергеевич"
COLUMNS = {
    "a whole name": ("ФИО;Дата рождения;Паспорт", ONE),
    "a whole name, spelled out": (
        "№ п/п;Фамилия, имя, отчество;Дата рожд.;Серия и № паспорта",
        "1;Иванова Анна Петровна;15.07.90;45 11 № 123456",
    ),
    "who works here": ("Сотрудник;Д.Р.;Паспортные данные", ONE),
    "their forms in brackets": (
        "ФИО;День рождения (дд.мм.гггг);Паспорт (серия, номер, кем и когда выдан);Когда выдан",
        "Иванова Анна Петровна;15.07.1990;4511 123456 выдан 20.08.2010;20.08.2010",
    ),
    "№ паспорта holds both": ("Ф.И.О. сотрудника;Дата рождения;№ паспорта", ONE),
    "№ паспорта beside a series": ("Фамилия;Имя;Отчество;Дата рождения;Серия;№ паспорта", R),
    "ДУЛ": ("Фамилия;Имя;Отчество;Дата рождения;ДУЛ серия;ДУЛ номер", R),
    "a document in many words": (
        "Фамилия;Имя;Отчество;Дата рождения;Серия документа, удостоверяющего личность;№ удостоверяющего личность документа",
        R,
    ),
    "a № beside a series": ("Фамилия;Имя;Отчество;Дата рождения;Серия;№", R),
    "a Номер of the row": ("Номер;ФИО;Дата рождения;Паспорт", f"7;{ONE}"),
    "a Номер of the row, and one of the document": (f"Номер;{H}", f"7;{R}"),
    "numbers of other things": (
        f"№ п/п;Табельный номер;{H};Номер телефона;Номер СНИЛС",
        f"1;17;{R};79991234567;12345678901",
    ),
    "a document by what it is": ("ФИО;Дата рождения;Удостоверение личности", ONE),
    "a kind in words": (f"{H};Вид документа", f"{R};Паспорт гражданина РФ"),
    "a kind under Документ": (f"Документ;{H}", f"Паспорт РФ;{R}"),
    "another's name and documents beside": (
        f"{H};Фамилия матери;Серия загранпаспорта;Дата приёма",
        f"{R};Иванова;70;01.02.2020",
    ),
    "what the contract calls them": ("last_name;FirstName;middlename;BirthDate;documentSerial;documentNumber", R),
    "English headings": (
        "Surname;Given name;Patronymic;Date of birth;Passport series;Passport number",
        f"{IVAN};01.01.1985;0405;001234",
    ),
    "a vague heading beside a plain one": (
        "№;ФАМИЛИЯ;Имя;Отчество;Дата рожд.;Дата рождения;Паспорт",
        f"1;{IVAN};;1.1.1985 г.;04 05 001234",
    ),
    "one column, its first zero lost in a spreadsheet": (
        "Фамилия;Имя;Отчество;Дата рождения;Серия и номер паспорта",
        f"{IVAN};01.01.1985;405001234.0",
    ),
    "numbers that a spreadsheet made of them": (
        "Номер;Фамилия;Имя;Отчество;Дата рождения;Серия;Код документа;Номер паспорта",
        f"7;{IVAN};1985-01-01 00:00:00;405.0;21.0;1234.0",
    ),
}


@pytest.mark.parametrize(("heading", "row"), COLUMNS.values(), ids=COLUMNS)
def test_columns_are_known_by_their_headings(asked: Asked, heading: str, row: str) -> None:
    ended, requests = asked([heading, row])
    assert (ended.status, persons(requests)) == (0, [PETROV if IVAN in row else IVANOVA]), ended.err


DOUBTS = {
    "two of one name": (f"{H};Дата рождения", "which column is the birth date: D Дата рождения or G Дата рождения?"),
    "two documents": (f"{H};Паспорт", "which column is the document: F Номер or G Паспорт?"),
    "a passport and a bare number": (
        "Фамилия;Имя;Отчество;Дата рождения;Паспорт;Номер",
        "which column is the document: E Паспорт or F Номер?",
    ),
    "two numbers": (f"{H};Номер паспорта", "which column is the document number: F Номер or G Номер паспорта?"),
    "a whole name and its pieces": (f"ФИО;{H}", "which column is the full name: A ФИО or B Фамилия or C Имя?"),
    "two persons in one row": (f"Фамилия;{H}", "which column is the last name: A Фамилия or B Фамилия?"),
}


@pytest.mark.parametrize(("heading", "question"), DOUBTS.values(), ids=DOUBTS)
def test_two_columns_that_could_both_be_meant_are_a_question(asked: Asked, heading: str, question: str) -> None:
    source = [heading, "x;x;x;x;x;x;x"]
    ended, requests = asked(source)
    assert (ended.status, requests) == (2, [])
    assert question in ended.err
    example = re.search(r"Say it as (--map) '(.*)'", ended.err)
    assert example, ended.err
    assert "which column" not in asked(source, *example.groups())[0].err


@pytest.mark.parametrize(
    "options",
    [
        ["--map", "Фамилия=A", "--map", "Дата рождения=D"],
        ["--map", "фамилия=а", "--map", "birthDate=d"],
        ["--map", "last name=Кто", "--map", "дата рождения=рожд"],
        ["--map", "lastName=A", "--map", "birthDate=D", "--map", "document=E", "--header-row", "2"],
    ],
    ids=["letters", "Cyrillic letters", "headings", "with the row"],
)
def test_columns_are_what_one_says(asked: Asked, options: list[str]) -> None:
    row = "Иванова;Анна;Петровна;15.07.1990;4511 123456"
    ended, requests = asked(["Список", "Кто;Имя;Отчество;Рожд;Паспорт", row], *options)
    assert (ended.status, persons(requests)) == (0, [IVANOVA]), ended.err


def test_a_column_without_a_heading_can_be_named(asked: Asked, tmp_path: Path) -> None:
    rows = [["ФИО", "Дата рождения", "", ""], [*ONE.split(";"), "примечание"]]
    ended, requests = asked(rows, "--map", "Паспорт=C")
    assert (ended.status, persons(requests)) == (0, [IVANOVA]), ended.err
    assert "C: document" in ended.out
    assert (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()[1].endswith(";4511 123456;;not_found;;примечание")


def test_a_table_s_own_request_ids_are_kept(asked: Asked) -> None:
    _, requests = asked([f"requestId;{H}", f"hr-1;{R}", f";{R}"])
    assert [request["requestId"] == "hr-1" for request in requests] == [True, False]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--map", "Фамилия"], "--map must be as Фамилия=B"),
        (["--map", "Должность=B"], "--map must be as Фамилия=B, with one of"),
        (["--map", "Фамилия=Должность"], "--map: no column Должность"),
        (["--header-row", "2"], "has none for: фамилия (last name)"),
        (["--header-row", "9"], "has none for: фамилия"),
        (["--sheet", "Лист1"], "is a CSV file, and has no sheets"),
    ],
)
def test_what_one_says_and_is_not_there_is_told(asked: Asked, options: list[str], said: str) -> None:
    ended, requests = asked([H, R], *options)
    assert (ended.status, requests) == (2, [])
    assert said in ended.err


HIDDEN = ("hidden", [HEADING, ["Прежний", *ROW[1:]]])


@pytest.mark.parametrize(
    ("sheets", "options"),
    [
        pytest.param({"Прошлое": HIDDEN}, [], id="a hidden one"),
        pytest.param({"Совсем": ("veryHidden", HIDDEN[1])}, [], id="a very hidden one"),
        pytest.param({"Итоги": ("visible", [["Отдел", "Людей"], ["Склад", 3]])}, [], id="one without headings"),
        pytest.param({"Копия": ("visible", HIDDEN[1])}, ["--sheet", "Sheet"], id="another, and the first is meant"),
        pytest.param({"Копия": ("visible", HIDDEN[1])}, ["--sheet", "SHEET"], id="in another case"),
    ],
)
def test_the_visible_sheet_with_headings_is_read(
    asked: Asked, tmp_path: Path, sheets: dict[str, tuple[str, Rows]], options: list[str]
) -> None:
    ended, requests = asked(workbook(tmp_path / "in.xlsx", [HEADING, ROW], **sheets), *options)
    assert (ended.status, persons(requests)) == (0, [IVANOVA]), ended.err
    assert "headings in row 1 (sheet Sheet)" in ended.out


def test_a_hidden_first_sheet_is_not_read(asked: Asked, tmp_path: Path) -> None:
    source = workbook(tmp_path / "in.xlsx", HIDDEN[1], Люди=("visible", [HEADING, ROW]))
    book = openpyxl.load_workbook(source)
    book.worksheets[0].sheet_state = "hidden"
    book.active = 1
    book.save(source)
    assert persons(asked(source)[1]) == [IVANOVA]


def test_of_several_sheets_with_headings_one_must_be_named(asked: Asked, tmp_path: Path) -> None:
    source = workbook(tmp_path / "in.xlsx", [HEADING, ROW], Копия=("visible", [HEADING, ROW]))
    for options, said in ([], "has headings in several sheets (Sheet, Копия)"), (["--sheet", "x"], "of Sheet, Копия"):
        ended, requests = asked(source, *options)
        assert (ended.status, requests) == (2, [])
        assert said in ended.err


CELLS: dict[str, list[Any]] = {
    "a serial number of a day": [*ROW[:3], 33069, "4511", "123456"],
    "a serial number as text": [*ROW[:3], "33069", "4511", "123456"],
    "a day": [*ROW[:3], date(1990, 7, 15), 4511, 123456],
    "a moment": [*ROW[:3], datetime(1990, 7, 15, 10, 0), 4511.0, 123456.0],  # noqa: DTZ001  # spreadsheets know no zones
    "text made to look like a formula": [*ROW[:3], "15.07.1990", '="4511"', '="123456"'],
    "text with an apostrophe before it": [*ROW[:3], "'15.07.1990", "'4511", "'123456"],
    "words beside the digits": [*ROW[:3], "15.07.1990", "серия 4511", "№ 123456"],
    "both in the number's column": [*ROW[:3], "15.07.1990", "", "4511 № 123456"],
    "both in the series' column": [*ROW[:3], "15.07.1990", "4511/123456", ""],
}


@pytest.mark.parametrize("row", CELLS.values(), ids=CELLS)
def test_a_cell_is_read_as_it_is_meant(asked: Asked, tmp_path: Path, row: list[Any]) -> None:
    source = workbook(tmp_path / "in.xlsx", [HEADING])
    book = openpyxl.load_workbook(source)
    for column, value in enumerate(row, 1):
        cell = book.worksheets[0].cell(2, column, value)
        if isinstance(value, str):
            cell.data_type = "s"
    book.save(source)
    ended, requests = asked(source)
    assert (ended.status, persons(requests)) == (0, [IVANOVA]), ended.err


@pytest.mark.parametrize(
    ("kind", "document", "parts"),
    [
        ("01", "IV-МЮ 123456", ("IV-МЮ", "123456")),
        ("3", "V-АН № 654321", ("V-АН", "654321")),
        ("10", "CZ12", ("", "CZ12")),
    ],
)
def test_other_documents_in_one_column(asked: Asked, kind: str, document: str, parts: tuple[str, str]) -> None:
    row = f"Иванова Анна Петровна;15.07.1990;{kind};{document}"
    _, [request] = asked(["ФИО;Дата рождения;Вид документа;Документ", row])
    assert request["documentType"] == kind.zfill(2)
    assert (request.get("documentSerial", ""), request["documentNumber"]) == parts


def test_a_number_has_lost_its_zero_and_a_text_a_digit(asked: Asked) -> None:
    heading = ["ФИО", "Дата рождения", "Паспорт"]
    rows = [["Петров Иван Сергеевич", "01.01.1985", document] for document in (405001234, "405001234")]
    ended, requests = asked([heading, *rows])
    assert persons(requests) == [PETROV]
    assert "1 not_found, 1 rejected; 1 asked for" in ended.out


@pytest.mark.parametrize("word", ["нет", "Отсутствует", "не указано", "н/д", "(нет)", "-"])
@pytest.mark.parametrize("heading", [H, "ФИО;Дата рождения;Паспорт"], ids=["in a column", "in the whole name"])
def test_a_patronymic_that_says_none_is_none(asked: Asked, heading: str, word: str) -> None:
    _, [request] = asked([heading, (R if heading == H else ONE).replace("Петровна", word)])
    read = parse(request, date.max)
    assert isinstance(read, LookupRequest)
    assert (read.first_name, read.middle_name) == ("Анна", "")


def test_a_formula_without_a_saved_value_is_told_in_its_row(asked: Asked, tmp_path: Path) -> None:
    rows = [HEADING, [*ROW[:3], "=A1", *ROW[4:]], [*ROW, "=1+1"]]
    ended, requests = asked(rows)
    assert persons(requests) == [IVANOVA]
    assert "1 not_found, 1 rejected" in ended.out
    said = "Дата рождения: is a formula whose value is not in the file: open it in a spreadsheet program and save it"
    assert said in (tmp_path / "out.csv").read_text("utf-8")


def test_a_day_of_issue_that_cannot_be_read_is_left_out(asked: Asked) -> None:
    _, requests = asked([f"{H};Дата выдачи", f"{R};20 числа", f"{R};10.02.2010"])
    assert [request.get("documentDate") for request in requests] == [None, "2010-02-10"]


Change = Callable[[str, str], tuple[str, str] | None]  # changes a package's part, by name and content; None omits it


def sub(part: str, pattern: str, new: str) -> Change:
    """Replaces a pattern in the parts of this name."""
    return lambda name, content: (name, re.sub(pattern, new, content) if part in name else content)


def rewritten(path: Path, change: Change) -> Path:
    """The same package with its parts changed."""
    with ZipFile(path) as package:
        parts = [(name, package.read(name).decode()) for name in package.namelist()]
    with ZipFile(path, "w") as package:
        for part in parts:
            if changed := change(*part):
                package.writestr(*changed)
    return path


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ODD: dict[str, Change] = {
    "styles that are none": sub("styles", "(?s).+", "<styleSheet><cellXfs"),
    "a style with a colour that is none": sub("styles", "<fills", '<x rgb="zz"/><fills'),
    "properties that are none": sub("docProps", "(?s).+", "<no"),
    "no styles": lambda name, content: None if "styles" in name else (name, content),
    "parts in another case": lambda name, content: (name.replace("sheet1.xml", "Sheet1.XML"), content),
    "parts by their full address": sub("", 'Target="worksheets', 'Target="/xl/worksheets'),
    "cells without addresses": sub("", r' r="[A-Z]*[0-9]+"', ""),
    "the strict form": sub("", MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main"),
    "a day in the form of ISO": sub("", '<c r="D4"[^>]*>.*?</c>', '<c r="D4" t="d"><v>1990-07-15T00:00:00</v></c>'),
    "a size that is wrong": sub("", r'<dimension ref="[^"]*"', '<dimension ref="A1"'),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_workbook_that_is_odd_beside_its_cells_is_read(asked: Asked, tmp_path: Path, change: Change) -> None:
    source = workbook(tmp_path / "in.xlsx", [["Список"], [], HEADING, [*ROW[:3], date(1990, 7, 15), *ROW[4:]]])
    ended, requests = asked(rewritten(source, change))
    assert (ended.status, persons(requests)) == (0, [IVANOVA]), ended.err


SHARED = f'<sst xmlns="{MAIN}"><si><t>x</t></si><si><r><t>Ива</t></r><r><t>нова</t></r><rPh><t>x</t></rPh></si></sst>'
RELATION = '<Relationship Id="s" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>'


@pytest.mark.parametrize("name", ["xl/sharedStrings.xml", "xl/SharedStrings.xml"], ids=["as usual", "as 1C calls them"])
def test_shared_strings_in_runs_are_joined_without_their_pronunciation(asked: Asked, tmp_path: Path, name: str) -> None:
    source = workbook(tmp_path / "in.xlsx", [HEADING, ["@", *ROW[1:]]])
    rewritten(source, lambda part, content: None if part == name else (part, content))
    rewritten(source, sub("workbook.xml.rels", "</Relationships>", RELATION))
    rewritten(source, sub("sheet1", r'<c r="A2"[^>]*>.*?</c>', '<c r="A2" t="s"><v>1</v></c>'))
    with ZipFile(source, "a") as package:
        package.writestr(name, SHARED)
    assert persons(asked(source)[1]) == [IVANOVA]


def test_days_counted_from_1904_are_read_from_there(asked: Asked, tmp_path: Path) -> None:
    source = workbook(tmp_path / "in.xlsx", [HEADING, *([*ROW[:3], day, *ROW[4:]] for day in (31607, 31607))])
    book = openpyxl.load_workbook(source)
    book.epoch = CALENDAR_MAC_1904
    book.worksheets[0]["D3"].number_format = "dd.mm.yyyy"
    book.save(source)
    assert persons(asked(source)[1]) == [IVANOVA, IVANOVA]


@pytest.mark.parametrize("text", ['<row r="2"><c r="A2" t="s"><v>99999</v></c></row>', '<row r="99999999"/>', "<row"])
def test_a_workbook_that_is_damaged_is_told_before_anybody_is_asked_for(
    asked: Asked, tmp_path: Path, text: str
) -> None:
    source = rewritten(workbook(tmp_path / "in.xlsx", [HEADING, ROW]), sub("", '<row r="2"', '<row r="1"'))
    rewritten(source, sub("", "</sheetData>", f"{text}</sheetData>"))
    ended, requests = asked(source)
    assert (ended.status, requests) == (2, [])
    assert "is no XLSX file, or is damaged" in ended.err


@pytest.mark.parametrize("name", ["in.txt", "in.xls", "in", "in.csv"])
def test_what_a_file_is_its_content_says(asked: Asked, tmp_path: Path, name: str) -> None:
    source = workbook(tmp_path / "made.xlsx", [HEADING, ROW]).rename(tmp_path / name)
    assert persons(asked(source)[1]) == [IVANOVA]
