"""fns-protocol.md, 1, 2, 4 and 5: every row, as the emulated services play it."""

from typing import Any
from urllib.parse import urlencode

import pytest

from function import inn
from local_runtime.emulator.client import Emulator

Form = dict[str, str]
KEY = "emulated-key"
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


def test_a_person_without_name_in_the_register_has_a_valid_inn_in_both_protocols(client: Any, form: Form) -> None:
    found = client.get(client.find(form)).json["inn"]
    assert inn.is_valid(found)
    assert client.legacy(form).json["inn"] == found


WRONG: list[tuple[Form, str, str]] = [
    ({"fam": ""}, "fam", "no surname"),
    ({"fam": "Orlova"}, "fam", "Latin letters"),
    ({"fam": "Орлова  Петрова"}, "fam", "two spaces"),
    ({"fam": "Орлов4"}, "fam", "a digit"),
    ({"nam": ""}, "nam", "no given name"),
    ({"nam": "Дарья!"}, "nam", "a sign that the alphabet has not"),
    ({"otch": ""}, "otch", "neither patronymic nor the mark that there is none"),
    ({"opt_otch": "1"}, "otch", "a patronymic beside the mark that there is none"),
    ({"bdate": ""}, "bdate", "no birth date"),
    ({"bdate": "1991-10-10"}, "bdate", "an ISO date"),
    ({"bdate": "31.02.1991"}, "bdate", "a day that the month has not"),
    ({"bdate": "31.12.1909"}, "bdate", "before 1910"),
    ({"bdate": "01.01.2100"}, "bdate", "in the future"),
    ({"doctype": ""}, "doctype", "no document type"),
    ({"doctype": "99"}, "doctype", "an unknown document type"),
    ({"doctype": "1"}, "doctype", "one digit"),
    ({"docno": ""}, "docno", "no document number"),
    ({"docno": "4512 101010"}, "docno", "a series without its space"),
    ({"docno": "4512101010"}, "docno", "no spaces"),
    ({"docno": "45 12 10101"}, "docno", "five digits"),
    ({"doctype": "01", "docno": "4-МЮ 123456"}, "docno", "Arabic numerals"),
    ({"doctype": "01", "docno": "IV-мю 123456"}, "docno", "small letters"),
    ({"doctype": "03", "docno": "IV МЮ 123456"}, "docno", "no dash"),
    ({"doctype": "62", "docno": "12345678901234567890123456"}, "docno", "26 characters"),
    ({"docdt": "2010-01-01"}, "docdt", "an issue date in ISO's form"),
    ({"docdt": "01.01.2100"}, "docdt", "a document from the future"),
    ({"captcha": "123456"}, "captcha", "a captcha that nobody showed"),
]


@pytest.mark.parametrize(("changes", "field"), [row[:2] for row in WRONG], ids=[row[2] for row in WRONG])
def test_a_wrong_field_is_named(client: Any, form: Form, changes: Form, field: str) -> None:
    for refused in (client.find({**form, **changes}), client.legacy({**form, **changes})):
        assert refused.status == 400
        assert (refused.json["ERROR"], refused.json["STATUS"]) == ("-", 400)
        assert refused.json["ERRORS"].keys() == {field}
        assert all(refused.json["ERRORS"][field])


def test_all_wrong_fields_are_named_at_once(client: Any) -> None:
    refused = client.find({})
    assert refused.json["ERRORS"].keys() == {"fam", "nam", "otch", "bdate", "doctype", "docno"}


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


ENDINGS: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("stuck", {"state": -1.0}, {"code": 99}),
    ("unavailable", {"state": -2.0}, {"code": 99}),
    ("nobody", {"state": 0.0, "error_code": 1.0}, {"code": 0}),
    ("lee", {"inn": "770000000220", "state": 1.0}, {"inn": "770000000220", "code": 1}),
    ("namesake", {"state": 3.0}, {"code": 3}),
    ("wrong-inn", {"inn": "770000000083", "state": 1.0}, {"inn": "770000000083", "code": 1}),
]


@pytest.mark.parametrize(("who", "result", "legacy"), ENDINGS, ids=[who for who, _, _ in ENDINGS])
def test_every_ending_has_its_person(
    client: Any, people: dict[str, Form], who: str, result: dict[str, object], legacy: dict[str, object]
) -> None:
    found = client.find(people[who])
    assert client.get(found).json == result
    assert client.get(found).json == result, "the same again"
    for path in ("/inn-proc.do", "/inn-proc.json"):
        reply = client.legacy(people[who], path)
        assert (reply.status, reply.json) == (200, {"captchaRequired": False, **legacy})


def test_a_person_who_is_rejected_and_one_who_gets_a_captcha(client: Any, people: dict[str, Form]) -> None:
    for search in (client.find, client.legacy):
        assert (refused := search(people["rejected"])).status == 400
        assert refused.json.keys() == {"ERROR", "ERRORS", "STATUS"}
        assert refused.json["ERRORS"].keys() == {"docno"}
        assert search(people["captcha"]).json == {"captchaRequired": True}


def test_a_state_with_a_fraction_comes_as_it_is(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "get", "state": 2.5}], numbers="int")
    assert client.get(client.find(form)).json == {"state": 2.5}


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


def test_an_invalid_request_id_may_come_with_status_200(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "get", "error": UNKNOWN["ERROR"], "status": 200}])
    assert client.get(client.find(form)).status == 200


def test_the_page_begins_a_session_that_nobody_needs(client: Any, form: Form) -> None:
    page = client("/inn.do")
    assert page.status == 200
    assert page.headers["set-cookie"].startswith("JSESSIONID=")
    assert client.find(form).status == 200


def test_the_other_side_session_and_consent_are_needed(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(session="required", consent="required")
    session = client("/inn.do").headers["set-cookie"].partition(";")[0]
    consent = client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn", "personalData": "1"}).json
    cookies = ["", session, f"upd_inn={consent}", f"JSESSIONID=made-up; upd_inn={consent}"]
    assert [client.find(form, Cookie=cookie).status for cookie in cookies] == [403] * 4
    both = f"{session}; upd_inn={consent}"
    assert client.find(form, Cookie=both).status == 200
    assert client.legacy(form, Cookie=both).status == 200


@pytest.fixture
def paid(client: Any) -> Any:
    def ask(form: Form, **changes: str) -> Any:
        fields = {name: form.get(name, "") for name in ("fam", "nam", "otch", "bdate", "doctype", "docno")}
        fields["otch"] = fields["otch"] or "нет"
        fields["docno"] = fields["docno"].replace(" ", "")
        return client("/api/innfl?" + urlencode({**fields, "key": KEY, **changes}))

    return ask


def test_it_knows_the_same_people_as_the_tax_service(
    paid: Any, client: Any, form: Form, people: dict[str, Form]
) -> None:
    for person in (form, people["ivanova"], people["lee"]):
        reply = paid(person)
        assert (reply.status, reply.json) == (200, {"items": [{"ИНН": client.get(client.find(person)).json["inn"]}]})


@pytest.mark.parametrize("who", ["nobody", "namesake"])
def test_a_person_without_inn(paid: Any, people: dict[str, Form], who: str) -> None:
    reply = paid(people[who]).json
    assert reply["items"] == []
    assert reply["error"].startswith("Информация об ИНН не найдена")


@pytest.mark.parametrize("who", ["unavailable", "stuck", "captcha"])
def test_it_answers_where_the_tax_service_does_not(paid: Any, people: dict[str, Form], who: str) -> None:
    assert paid(people[who]).json["items"][0]["ИНН"]


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        ("ivanova", {"doctype": "01"}),
        ("ivanova", {"docno": "45 11 123456"}),
        ("ivanova", {"docno": "451112345"}),
        ("ivanova", {"fam": ""}),
        ("ivanova", {"bdate": "1990-07-15"}),
        ("rejected", {}),
    ],
)
def test_a_person_whose_fields_are_wrong(paid: Any, people: dict[str, Form], who: str, changes: Form) -> None:
    reply = paid(people[who], **changes)
    assert reply.status == 200
    assert reply.json["items"][0].keys() == {"error"}


def test_a_wrong_key_is_plain_text(emulator: Emulator, paid: Any, form: Form) -> None:
    reply = paid(form, key="another")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.body.decode() == "Ошибка: Неверный ключ (1)"
    emulator.control(apifns_key="another")
    assert paid(form, key="another").json["items"]


def test_a_wrong_checksum(emulator: Emulator, paid: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "apifns", "inn": "123456789037"}])
    assert paid(form).json == {"items": [{"ИНН": "123456789037"}]}


def test_the_quota_counts_what_was_asked(emulator: Emulator, paid: Any, client: Any, form: Form) -> None:
    emulator.control(apifns_limit=1)
    paid(form)
    quota = client(f"/api/stat?key={KEY}").json["Методы"]["innfl"]
    assert quota == {"Лимит": 1, "Истрачено": 1}
    assert paid(form).body.decode().startswith("Ошибка")
    assert client("/api/stat?key=another").body.decode() == "Ошибка: Неверный ключ (1)"


def test_the_tax_services_scenarios_are_not_the_vendors(emulator: Emulator, paid: Any, client: Any, form: Form) -> None:
    emulator.control(scenario="down")
    assert client.find(form).status == 503
    assert paid(form).json["items"]


def test_a_post_is_refused(client: Any) -> None:
    assert client("/api/innfl", {}).status == 405
