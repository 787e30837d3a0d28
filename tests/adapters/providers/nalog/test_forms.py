"""A request as the form takes it: every field of fns-protocol.md, 1, and every number form of 4."""

import pytest

from adapters.providers.nalog.provider import person_fields
from tests.adapters.providers.nalog.clients import looked_up, nalog, request
from tests.adapters.providers.nalog.site import in_turn, reply, serving

PERSON = {
    "fam": "Выдуманный",
    "nam": "Пётр",
    "otch": "Ильич",
    "bdate": "03.02.1980",
    "doctype": "21",
    "docno": "01 02 000304",
    "docdt": "31.12.2001",
}


def test_a_find_has_every_field_of_the_form_in_utf_8() -> None:
    script = in_turn(reply(200, '{"requestId":"0A1B"}'), reply(200, '{"state":0}'))
    with serving(script) as site:
        looked_up(nalog(site.url), request())
    assert site.asked[0].form == {"c": "find", **PERSON, "captcha": "", "captchaToken": ""}
    assert b"fam=%D0%92%D1%8B" in site.asked[0].body
    assert site.asked[1].form == {"c": "get", "requestId": "0A1B"}


def test_the_legacy_step_has_the_same_fields_and_an_empty_birth_place() -> None:
    with serving(in_turn(reply(200, '{"code":0}'))) as site:
        nalog(site.url, protocol="legacy").ask(request(birthPlace="Город"), None)
    assert [asked.line for asked in site.asked] == ["POST /inn-proc.do HTTP/1.1"]
    assert site.asked[0].form == {"c": "innMy", **PERSON, "bplace": "", "captcha": "", "captchaToken": ""}


NAMES = {"lastName": "ёлкин", "firstName": "АННА-мария", "middleName": "Алекс кызы"}


def document(kind: str, serial: str, number: str, docno: str) -> tuple[dict[str, str], dict[str, str]]:
    person = {"documentType": kind, "documentSerial": serial, "documentNumber": number}
    return person, {"doctype": kind, "docno": docno}


@pytest.mark.parametrize(
    ("person", "fields"),
    [
        *(({"middleName": none}, {"opt_otch": "1", "otch": None}) for none in ("", None, "-")),
        ({}, {"opt_otch": None, "otch": "Ильич"}),
        (NAMES | {"documentDate": None}, {"fam": "ёлкин", "nam": "АННА-мария", "otch": "Алекс кызы", "docdt": ""}),
        document("21", "45 12", "101010", "45 12 101010"),
        document("21", "4512", "304", "45 12 000304"),
        document("01", "IV-МЮ", "123456", "IV-МЮ 123456"),
        document("03", "ii-аб", "654321", "II-АБ 654321"),
        document("10", "", "AB1234567", "AB1234567"),
        document("12", "82", "0012345", "82 0012345"),
    ],
)
def test_a_field_has_the_form_of_the_page(person: dict[str, object], fields: dict[str, str | None]) -> None:
    sent = person_fields(request(**person))
    assert {name: sent.get(name) for name in fields} == fields
