"""fns-protocol.md, 1 and 4: every row, as the emulated service plays it."""

from typing import Any

import pytest

from function import inn
from local_runtime.emulator.client import Emulator

Form = dict[str, str]
UNKNOWN = {"ERROR": "Недопустимый идентификатор запроса", "STATUS": 400}


@pytest.mark.parametrize("find_at", ["/inn-new-proc.json", "/inn-new-proc.do"])
@pytest.mark.parametrize("get_at", ["/inn-new-proc.json", "/inn-new-proc.do"])
def test_find_then_get(client: Any, people: dict[str, Form], find_at: str, get_at: str) -> None:
    found = client.find(people["ivanova"], find_at)
    assert found.status == 200
    assert found.json.keys() == {"requestId", "captchaRequired"}
    assert found.json["captchaRequired"] is False
    assert len(found.json["requestId"]) > 100
    assert bytes.fromhex(found.json["requestId"])
    result = client.get(found, get_at)
    assert (result.status, result.json) == (200, {"inn": "770000000082", "state": 1.0})


def test_a_person_without_name_in_the_register_has_a_valid_inn(client: Any, form: Form) -> None:
    assert inn.is_valid(client.get(client.find(form)).json["inn"])


WRONG = [
    ("fam", "", "no surname"),
    ("fam", "Orlova", "Latin letters"),
    ("fam", "Орлова  Петрова", "two spaces"),
    ("fam", "Орлов4", "a digit"),
    ("nam", "", "no given name"),
    ("nam", "Дарья!", "a sign that the alphabet has not"),
    ("otch", "", "neither patronymic nor the mark that there is none"),
    ("bdate", "", "no birth date"),
    ("bdate", "1991-10-10", "an ISO date"),
    ("bdate", "31.02.1991", "a day that the month has not"),
    ("bdate", "31.12.1909", "before 1910"),
    ("bdate", "01.01.2100", "in the future"),
    ("doctype", "", "no document type"),
    ("doctype", "99", "an unknown document type"),
    ("doctype", "1", "one digit"),
    ("docno", "", "no document number"),
    ("docno", "4512 101010", "a series without its space"),
    ("docno", "4512101010", "no spaces"),
    ("docno", "45 12 10101", "five digits"),
    ("docdt", "2010-01-01", "an ISO date"),
    ("docdt", "01.01.2100", "a document from the future"),
    ("captcha", "123456", "a captcha that nobody showed"),
]


@pytest.mark.parametrize(("field", "value", "why"), WRONG)
def test_a_wrong_field_is_named(client: Any, form: Form, field: str, value: str, why: str) -> None:
    refused = client.find({**form, field: value})
    assert refused.status == 400
    assert refused.json["ERROR"] == "-", why
    assert refused.json["STATUS"] == 400
    assert refused.json["ERRORS"].keys() == {field}
    assert all(refused.json["ERRORS"][field])


def test_all_wrong_fields_are_named_at_once(client: Any) -> None:
    refused = client.find({})
    assert refused.json["ERRORS"].keys() == {"fam", "nam", "otch", "bdate", "doctype", "docno"}


def test_a_patronymic_beside_the_mark_that_there_is_none_is_wrong(client: Any, form: Form) -> None:
    assert client.find({**form, "opt_otch": "1"}).json["ERRORS"].keys() == {"otch"}


DOCUMENTS = [
    ("01", "IV-МЮ 123456"),
    ("03", "XII-АН 654321"),
    ("10", "CZ1234567"),
    ("12", "82 1234567"),
    ("15", "№ 1"),
    ("19", "АБ-12/3"),
    ("21", "45 12 101010"),
    ("23", "7"),
    ("62", "1234567890123456789012345"),
]


@pytest.mark.parametrize(("doctype", "docno"), DOCUMENTS)
def test_every_document_type_is_known_with_its_number_form(client: Any, form: Form, doctype: str, docno: str) -> None:
    found = client.find({**form, "doctype": doctype, "docno": docno})
    assert inn.is_valid(client.get(found).json["inn"])


@pytest.mark.parametrize(
    ("doctype", "docno", "why"),
    [
        ("01", "4-МЮ 123456", "Arabic numerals"),
        ("01", "IV-мю 123456", "small letters"),
        ("03", "IV МЮ 123456", "no dash"),
        ("62", "12345678901234567890123456", "26 characters"),
    ],
)
def test_a_number_that_has_not_its_types_form_is_wrong(
    client: Any, form: Form, doctype: str, docno: str, why: str
) -> None:
    refused = client.find({**form, "doctype": doctype, "docno": docno})
    assert refused.json["ERRORS"].keys() == {"docno"}, why


def test_a_document_date_changes_nothing(client: Any, people: dict[str, Form]) -> None:
    other_date = {**people["ivanova"], "docdt": "01.01.2011"}
    assert client.get(client.find(other_date)).json["inn"] == "770000000082"


def test_the_other_side_a_document_date_that_is_checked(
    emulator: Emulator, client: Any, people: dict[str, Form]
) -> None:
    emulator.control(docdt="checked")
    wrong, right, none = ({**people["ivanova"], "docdt": date} for date in ("01.01.2011", "20.08.2010", ""))
    assert client.get(client.find(wrong)).json["state"] == 0
    assert client.get(client.find(right)).json["state"] == 1
    assert client.get(client.find(none)).json["state"] == 1


def test_yo_is_ye_and_the_other_side_it_is_not(emulator: Emulator, client: Any, people: dict[str, Form]) -> None:
    with_yo = people["koroleva"]
    with_ye = {field: value.replace("ё", "е") for field, value in with_yo.items()}
    same = [client.get(client.find(form)).json["inn"] for form in (with_yo, with_ye)]
    assert same[0] == same[1]
    emulator.control(yo="differs")
    differ = [client.get(client.find(form)).json["inn"] for form in (with_yo, with_ye)]
    assert differ[0] != differ[1]


def test_an_unknown_operation_is_an_error(client: Any) -> None:
    for form in ({}, {"c": "innMy"}):
        refused = client("/inn-new-proc.json", form)
        assert (refused.status, refused.json["STATUS"]) == (400, 400)


@pytest.mark.parametrize("path", ["/inn-new-proc.json", "/inn-new-proc.do", "/inn-proc.do"])
def test_a_person_in_a_url_is_refused(client: Any, path: str) -> None:
    assert client(path + "?c=find").status == 405


ENDINGS: list[tuple[str, dict[str, object]]] = [
    ("stuck", {"state": -1.0}),
    ("unavailable", {"state": -2.0}),
    ("nobody", {"state": 0.0, "error_code": 1.0}),
    ("lee", {"inn": "770000000220", "state": 1.0}),
    ("namesake", {"state": 3.0}),
    ("wrong-inn", {"inn": "770000000083", "state": 1.0}),
]


@pytest.mark.parametrize(("who", "result"), ENDINGS)
def test_every_state_has_its_person(client: Any, people: dict[str, Form], who: str, result: dict[str, object]) -> None:
    found = client.find(people[who])
    assert client.get(found).json == result
    assert client.get(found).json == result, "the same again"


@pytest.mark.parametrize("state", [-3, 2, 4, 7, 2.5, 99])
def test_any_other_state_by_rule(emulator: Emulator, client: Any, form: Form, state: float) -> None:
    emulator.control(rules=[{"on": "get", "state": state}])
    assert client.get(client.find(form)).json == {"state": state}


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ("usual", (b'"state":1.0', b'"code":1}')),
        ("float", (b'"state":1.0', b'"code":1.0}')),
        ("int", (b'"state":1}', b'"code":1}')),
        ("string", (b'"state":"1"', b'"code":"1"')),
    ],
)
def test_numbers_come_as_they_are_wanted(
    emulator: Emulator, client: Any, form: Form, numbers: str, shown: tuple[bytes, bytes]
) -> None:
    emulator.control(numbers=numbers)
    assert shown[0] in client.get(client.find(form)).body
    assert shown[1] in client.legacy(form).body


def test_results_are_pending_for_so_many_polls(
    emulator: Emulator, client: Any, form: Form, people: dict[str, Form]
) -> None:
    emulator.control(pending=2)
    found = client.find(form)
    assert [client.get(found).json["state"] for _ in range(4)] == [-1, -1, 1, 1]
    found = client.find(people["slow"])
    assert [client.get(found).json["state"] for _ in range(4)] == [-1, -1, -1, 1]


def test_an_unknown_request_id_is_an_error(client: Any) -> None:
    unknown = client("/inn-new-proc.json", {"c": "get", "requestId": "00FF"})
    assert (unknown.status, unknown.json) == (400, UNKNOWN)
    assert client("/inn-new-proc.json", {"c": "get"}).json == UNKNOWN


def test_a_request_id_that_is_invalid_for_a_while(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "get", "error": UNKNOWN["ERROR"], "times": 2}])
    found = client.find(form)
    assert [client.get(found).status for _ in range(3)] == [400, 400, 200]


def test_the_other_side_a_request_id_that_stays_invalid_until_a_new_find(
    emulator: Emulator, client: Any, form: Form
) -> None:
    emulator.control(rules=[{"on": "find", "forgotten": True, "times": 1}])
    lost = client.find(form)
    assert [client.get(lost).json for _ in range(3)] == [UNKNOWN] * 3
    assert client.get(client.find(form)).json["state"] == 1


def test_an_invalid_request_id_may_come_with_status_200(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "get", "error": UNKNOWN["ERROR"], "status": 200}])
    assert client.get(client.find(form)).status == 200


def test_captcha_required_together_with_a_request_id_that_is_good(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(captcha="with_id", captcha_after=0, captcha_for=1)
    found = client.find(form)
    assert found.json["captchaRequired"] is True
    assert client.get(found).json["state"] == 1
    assert client.find(form).json["captchaRequired"] is False


def test_captcha_required_without_request_id(client: Any, people: dict[str, Form]) -> None:
    assert client.find(people["captcha"]).json == {"captchaRequired": True}


def test_the_page_begins_a_session_that_nobody_needs(client: Any, form: Form) -> None:
    page = client("/inn.do")
    assert page.status == 200
    assert page.headers["set-cookie"].startswith("JSESSIONID=")
    assert client.find(form).status == 200


def test_consent_is_a_string_that_equals_the_cookie(client: Any) -> None:
    given = client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn", "personalData": "1"})
    assert isinstance(given.json, str)
    assert f"upd_inn={given.json};" in given.headers["set-cookie"]
    assert client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn"}).status == 400


def test_the_other_side_session_and_consent_are_needed(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(session="required", consent="required")
    session = client("/inn.do").headers["set-cookie"].partition(";")[0]
    consent = client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn", "personalData": "1"}).json
    cookies = ["", session, f"upd_inn={consent}", f"JSESSIONID=made-up; upd_inn={consent}"]
    assert [client.find(form, Cookie=cookie).status for cookie in cookies] == [403] * 4
    both = f"{session}; upd_inn={consent}"
    assert client.find(form, Cookie=both).status == 200
    assert client.legacy(form, Cookie=both).status == 200
