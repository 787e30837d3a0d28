"""fns-protocol.md, 1, 2, 4 and 5: every row, as the emulated services play it."""

import pytest

from function import inn
from local_runtime.emulator.process import Emulator
from tests.local_runtime.emulator.conftest import FORM, NEW, NEW_DO, OLD, Client, Form

UNKNOWN = {"ERROR": "Недопустимый идентификатор запроса", "STATUS": 400}
IVANOVA = "770000000082"


@pytest.mark.parametrize("find_at", [NEW, NEW_DO])
@pytest.mark.parametrize("get_at", [NEW, NEW_DO])
def test_find_then_get(client: Client, people: dict[str, Form], find_at: str, get_at: str) -> None:
    found = client.find(people["ivanova"], find_at)
    assert found.status == 200
    assert found.json().keys() == {"requestId", "captchaRequired"}
    assert found.json()["captchaRequired"] is False
    assert len(found.json()["requestId"]) > 100
    assert bytes.fromhex(found.json()["requestId"])
    result = client.get(found, get_at)
    assert (result.status, result.json()) == (200, {"inn": IVANOVA, "state": 1.0})


WRONG: dict[str, tuple[str | Form, ...]] = {
    "fam": ("", "Orlova", "Орлова  Петрова", "Орлов4"),
    "nam": ("", "Дарья!"),
    "otch": ("", {"opt_otch": "1"}),
    "bdate": ("", "1991-10-10", "31.02.1991", "31.12.1909", "01.01.2100"),
    "doctype": ("", "99", "1"),
    "docno": (
        *("", "4512 101010", "4512101010", "45 12 10101"),
        {"doctype": "01", "docno": "4-МЮ 123456"},
        {"doctype": "01", "docno": "IV-мю 123456"},
        {"doctype": "03", "docno": "IV МЮ 123456"},
        {"doctype": "62", "docno": "12345678901234567890123456"},
    ),
    "docdt": ("2010-01-01", "01.01.2100"),
    "captcha": ("123456",),
}
"""Values that a field can't have; or else several fields together."""


@pytest.mark.parametrize(("field", "wrong"), [(field, wrong) for field, values in WRONG.items() for wrong in values])
def test_a_wrong_field_is_named(client: Client, field: str, wrong: str | Form) -> None:
    for refused in client.searches({**FORM, **({field: wrong} if isinstance(wrong, str) else wrong)}):
        assert refused.status == 400
        assert (refused.json()["ERROR"], refused.json()["STATUS"]) == ("-", 400)
        assert refused.json()["ERRORS"].keys() == {field}
        assert all(refused.json()["ERRORS"][field])


def test_all_wrong_fields_are_named_at_once(client: Client) -> None:
    assert client.find({}).json()["ERRORS"].keys() == {"fam", "nam", "otch", "bdate", "doctype", "docno"}


@pytest.mark.parametrize(
    ("doctype", "docno"),
    [
        ("01", "IV-МЮ 123456"),
        ("03", "XII-АН 654321"),
        ("10", "CZ1234567"),
        ("12", "82 1234567"),
        ("15", "№ 1"),
        ("19", "АБ-12/3"),
        ("21", "45 12 101010"),
        ("23", "7"),
        ("62", "1234567890123456789012345"),
    ],
)
def test_every_document_type_is_known_with_its_number_form(client: Client, doctype: str, docno: str) -> None:
    form = {**FORM, "doctype": doctype, "docno": docno}
    found = client.result(form)["inn"]
    assert inn.is_valid(found)
    assert client.legacy(form).json()["inn"] == found


def test_a_document_date_changes_nothing_and_the_other_side_it_is_checked(
    emulator: Emulator, client: Client, people: dict[str, Form]
) -> None:
    wrong, right, none = ({**people["ivanova"], "docdt": date} for date in ("01.01.2011", "20.08.2010", ""))
    assert client.result(wrong)["inn"] == IVANOVA
    emulator.control(docdt="checked")
    assert [client.result(form)["state"] for form in (wrong, right, none)] == [0, 1, 1]


def test_yo_is_ye_and_the_other_side_it_is_not(emulator: Emulator, client: Client, people: dict[str, Form]) -> None:
    with_yo = people["koroleva"]
    with_ye = {field: value.replace("ё", "е") for field, value in with_yo.items()}
    assert client.result(with_yo)["inn"] == client.result(with_ye)["inn"]
    emulator.control(yo="differs")
    assert client.result(with_yo)["inn"] != client.result(with_ye)["inn"]


def test_what_is_no_call_of_the_protocol_is_an_error(client: Client) -> None:
    for form in ({}, {"c": "innMy"}):
        refused = client(NEW, form)
        assert (refused.status, refused.json()["STATUS"]) == (400, 400)
    for form in ({"c": "get", "requestId": "00FF"}, {"c": "get"}):
        unknown = client(NEW, form)
        assert (unknown.status, unknown.json()) == (400, UNKNOWN)
    assert [client(f"{path}?c=find").status for path in (NEW, NEW_DO, OLD)] == [405] * 3, "a person in a URL"
    assert client("/api/innfl", {}).status == 405, "a POST to the vendor"


@pytest.mark.parametrize(
    ("who", "result", "legacy"),
    [
        ("stuck", {"state": -1.0}, {"code": 99}),
        ("unavailable", {"state": -2.0}, {"code": 99}),
        ("nobody", {"state": 0.0, "error_code": 1.0}, {"code": 0}),
        ("lee", {"inn": "770000000220", "state": 1.0}, {"inn": "770000000220", "code": 1}),
        ("namesake", {"state": 3.0}, {"code": 3}),
        ("wrong-inn", {"inn": "770000000083", "state": 1.0}, {"inn": "770000000083", "code": 1}),
    ],
)
def test_every_ending_has_its_person(
    client: Client, people: dict[str, Form], who: str, result: dict[str, object], legacy: dict[str, object]
) -> None:
    found = client.find(people[who])
    assert [client.get(found).json() for _ in range(2)] == [result] * 2, "the same again"
    for path in (OLD, "/inn-proc.json"):
        reply = client.legacy(people[who], path)
        assert (reply.status, reply.json()) == (200, {"captchaRequired": False, **legacy})


def test_a_person_who_is_rejected_and_one_who_gets_a_captcha(client: Client, people: dict[str, Form]) -> None:
    for refused in client.searches(people["rejected"]):
        assert refused.status == 400
        assert refused.json().keys() == {"ERROR", "ERRORS", "STATUS"}
        assert refused.json()["ERRORS"].keys() == {"docno"}
    assert [reply.json() for reply in client.searches(people["captcha"])] == [{"captchaRequired": True}] * 2


@pytest.mark.parametrize(
    ("numbers", "state", "code"),
    [("usual", "1.0", "1}"), ("float", "1.0", "1.0}"), ("int", "1}", "1}"), ("string", '"1"', '"1"')],
)
def test_numbers_come_as_they_are_wanted(
    emulator: Emulator, client: Client, numbers: str, state: str, code: str
) -> None:
    emulator.control(numbers=numbers)
    assert f'"state":{state}' in client.get(client.find()).data.decode()
    assert f'"code":{code}' in client.legacy().data.decode()
    emulator.control(rules=[{"on": "get", "state": 2.5}])
    assert client.result() == {"state": 2.5}, "a fraction comes as it is"


def test_the_other_side_session_and_consent_are_needed(emulator: Emulator, client: Client) -> None:
    emulator.control(session="required", consent="required")
    session, consent = client.session(), f"upd_inn={client.consent().json()}"
    cookies = ["", session, consent, f"JSESSIONID=made-up; {consent}"]
    assert [client.find(Cookie=cookie).status for cookie in cookies] == [403] * 4
    assert [reply.status for reply in client.searches(Cookie=f"{session}; {consent}")] == [200, 200]


def test_the_vendor_knows_the_same_people_as_the_tax_service(client: Client, people: dict[str, Form]) -> None:
    for person in (FORM, people["ivanova"], people["lee"]):
        reply = client.paid(person)
        assert (reply.status, reply.json()) == (200, {"items": [{"ИНН": client.result(person)["inn"]}]})
    for who in ("nobody", "namesake"):
        reply = client.paid(people[who])
        assert reply.json()["items"] == []
        assert reply.json()["error"].startswith("Информация об ИНН не найдена")
    for who in ("unavailable", "stuck", "captcha"):
        assert client.paid(people[who]).json()["items"][0]["ИНН"], "it answers where the tax service does not"


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
def test_a_person_whose_fields_the_vendor_finds_wrong(
    client: Client, people: dict[str, Form], who: str, changes: Form
) -> None:
    reply = client.paid(people[who], **changes)
    assert reply.status == 200
    assert reply.json()["items"][0].keys() == {"error"}


def test_a_wrong_key_is_plain_text(emulator: Emulator, client: Client) -> None:
    reply = client.paid(key="another")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.data.decode() == client("/api/stat?key=another").data.decode() == "Ошибка: Неверный ключ (1)"
    emulator.control(apifns_key="another")
    assert client.paid(key="another").json()["items"]


@pytest.mark.parametrize(("who", "found"), [("ivanova", IVANOVA), ("nobody", None), ("lee", "770000000220")])
def test_what_public_tools_leave_out_is_not_missed(
    client: Client, people: dict[str, Form], who: str, found: str | None
) -> None:
    """As a Python module, a batch script and packages of Packagist send it: no date of the document, no captcha."""
    person = {name: value for name, value in people[who].items() if name != "docdt"}
    assert client.result(person).get("inn") == client.legacy(person).json().get("inn") == found
