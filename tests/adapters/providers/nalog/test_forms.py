"""A request as the form takes it: every field of fns-protocol.md, 1, and every number form of 4."""

import pytest

from adapters.providers.nalog.site import person_fields
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


@pytest.mark.parametrize("none", ["", None, "-"])
def test_who_has_no_patronymic_says_so_instead_of_sending_an_empty_one(none: str | None) -> None:
    fields = person_fields(request(middleName=none))
    assert fields["opt_otch"] == "1"
    assert "otch" not in fields
    assert "opt_otch" not in person_fields(request())


@pytest.mark.parametrize(
    ("kind", "serial", "number", "docno"),
    [
        ("21", "45 12", "101010", "45 12 101010"),
        ("21", "4512", "304", "45 12 000304"),
        ("01", "IV-МЮ", "123456", "IV-МЮ 123456"),
        ("03", "ii-аб", "654321", "II-АБ 654321"),
        ("10", "", "AB1234567", "AB1234567"),
        ("10", "AB", "1234567", "AB 1234567"),
        ("12", "82", "0012345", "82 0012345"),
        ("15", "", "770-12", "770-12"),
        ("19", "ВУ", "0001", "ВУ 0001"),
        ("23", "", "99/7", "99/7"),
        ("62", "", "1", "1"),
    ],
)
def test_a_document_has_the_form_of_its_type(kind: str, serial: str, number: str, docno: str) -> None:
    fields = person_fields(request(documentType=kind, documentSerial=serial, documentNumber=number))
    assert (fields["doctype"], fields["docno"]) == (kind, docno)


def test_names_go_as_they_were_given_and_a_document_s_date_may_be_empty() -> None:
    named = request(lastName="ёлкин", firstName="АННА-мария", middleName="Алекс кызы", documentDate=None)
    given = {"fam": "ёлкин", "nam": "АННА-мария", "otch": "Алекс кызы", "docdt": ""}
    assert person_fields(named).items() >= given.items()
