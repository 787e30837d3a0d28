import json
from datetime import date
from typing import Any

import pytest

from function.outcomes import Answer, Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected, Status
from function.request import parse
from function.result import ADVICE, LookupResult, result_of
from tests.doubles import INN, NOW, PERSON, body, request

TODAY = NOW.date()


def faults(**changes: Any) -> dict[str, str]:
    rejected = parse(body(**changes), TODAY)
    assert isinstance(rejected, Rejected)
    assert rejected.request_id == "r-1"
    return {error.field: error.message for error in rejected.errors}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({}, "last_name", "Иванов"),
        ({"middleName": ...}, "middle_name", ""),
        ({"middleName": None}, "middle_name", ""),
        ({"middleName": "  "}, "middle_name", ""),
        *(
            ({"middleName": none}, "middle_name", "")
            for none in (" - ", "\u2014", "нет", "Отсутствует", "НЕ УКАЗАНО", "не указан", "нет отчества", "(нет)", "без отчества", "не имеется", "\u200bнет")
        ),
        ({"middleName": "Нетович"}, "middle_name", "Нетович"),
        ({"middleName": "Мамед  Оглы"}, "middle_name", "Мамед Оглы"),
        ({"lastName": " Петров \u2014 Водкин "}, "last_name", "Петров - Водкин"),
        ({"lastName": "Д\u2019Артаньян"}, "last_name", "Д'Артаньян"),
        *(({"lastName": f"Д{sign}Артаньян"}, "last_name", "Д'Артаньян") for sign in "\u2018\u201b\u02b9\u02bc\u2032\u0060\u00b4\uff07"),
        *(({"lastName": f"Ива{sign}нов"}, "last_name", "Иванов") for sign in "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u2060\u2066\ufeff"),
        ({"lastName": "Цои\u0306"}, "last_name", "Цой"),
        ({"lastName": "Иванов (Петров)"}, "last_name", "Иванов (Петров)"),
        ({"firstName": "Людовик XV".replace("X", "V")}, "first_name", "Людовик VV"),
        ({"documentSerial": "45 09"}, "document_serial", "4509"),
        ({"documentSerial": "45-09"}, "document_serial", "4509"),
        ({"documentSerial": "409"}, "document_serial", "0409"),
        ({"documentNumber": "123 456"}, "document_number", "123456"),
        ({"documentNumber": "№ 123456"}, "document_number", "123456"),
        ({"documentNumber": "42"}, "document_number", "000042"),
        ({"documentSerial": 409, "documentNumber": 42}, "document_serial", "0409"),
        ({"documentSerial": 4509.0, "documentNumber": 42}, "document_number", "000042"),
        ({"documentNumber": "123\u200b456"}, "document_number", "123456"),
        ({"documentType": None}, "document_type", "21"),
        ({"documentType": ""}, "document_type", "21"),
        ({"documentDate": "2005-04-01"}, "document_date", date(2005, 4, 1)),
        ({"documentDate": None}, "document_date", None),
        ({"documentDate": ""}, "document_date", None),
        ({"documentDate": "2026-05-04"}, "document_date", TODAY),
        ({"documentDate": "2026-05-05"}, "document_date", None),
        *(({"documentDate": odd}, "document_date", None) for odd in ("0001-01-01T00:00:00", "20.08.10", "20.08.2010", "2026-02-30", "yesterday", 7, True)),
        ({"documentDate": "2005-04-01T00:00:00"}, "document_date", date(2005, 4, 1)),
        *(({"birthDate": f"1985-03-12{midnight}"}, "birth_date", date(1985, 3, 12)) for midnight in ("T00:00:00", "T00:00", " 00:00:00", "T00:00:00.000", "T00:00:00Z", "T00:00:00+03:00")),
        ({"documentDate": "1985-03-12"}, "document_date", date(1985, 3, 12)),
        ({"documentDate": "1985-03-11"}, "document_date", None),
        ({"birthDate": "1910-01-01"}, "birth_date", date(1910, 1, 1)),
        ({"birthDate": "2026-05-04"}, "birth_date", TODAY),
        ({"birthPlace": " г.  Тверь"}, "birth_place", "г. Тверь"),
        ({"birthPlace": None}, "birth_place", ""),
        ({"requestId": "я" * 128}, "request_id", "я" * 128),
        ({"documentType": "03", "documentSerial": "iv-мю"}, "document_serial", "IV-МЮ"),
        ({"documentType": "01", "documentSerial": "Х — АБ"}, "document_serial", "X-АБ"),
        *(({"documentType": "03", "documentSerial": written}, "document_serial", "IV-МЮ") for written in ("IV МЮ", "IVМЮ", "IV-МЮ №", "ІV-МЮ", "1У МЮ", "IV-MЮ")),
        ({"documentType": "03", "documentSerial": "IV-МЮ", "documentNumber": "№123456"}, "document_number", "123456"),
        ({"documentType": "10", "documentSerial": ..., "documentNumber": "AB № 1234"}, "document_number", "AB 1234"),
        ({"documentType": "03", "documentSerial": "11-АБ", "documentNumber": "1"}, "document_number", "000001"),
        ({"documentType": "10", "documentSerial": ..., "documentNumber": "AB 12-34/5"}, "document_number", "AB 12-34/5"),
        ({"documentType": "12", "documentSerial": " 82 ", "documentNumber": "7"}, "document_serial", "82"),
        ({"documentType": "12", "documentSerial": " ", "documentNumber": "7"}, "document_serial", ""),
        ({"documentType": "12", "documentSerial": " \u2014 ", "documentNumber": "7"}, "document_serial", ""),
        ({"documentType": "12", "documentNumber": "а\u2013123"}, "document_number", "А-123"),
        ({"documentType": "03", "documentSerial": "XXIV-АБ", "documentNumber": "1"}, "document_serial", "XXIV-АБ"),
        ({"documentType": "03", "documentSerial": "clxxxviii-АБ", "documentNumber": "1"}, "document_serial", "CLXXXVIII-АБ"),
        ({"unknown": {"any": ["thing"]}}, "first_name", "Пётр"),
    ],
)  # fmt: skip
def test_a_field_is_read(changes: dict[str, Any], field: str, value: object) -> None:
    assert getattr(request(**changes), field) == value


SIX_DIGITS = "must be the document's number: 6 digits"
FOUR_DIGITS = "must be the passport's series: 4 digits"
ROMAN = "must be a roman numeral and two Cyrillic letters, as in IV-МЮ"
OTHER_CYRILLIC = "has Cyrillic letters that are not Russian: write the name as in the Russian document"
ISO = "must be an ISO date, YYYY-MM-DD"
SIGN = "must have a letter or a digit"
FREE = "may have letters, digits, spaces, dashes, dots and slashes only"
LOOK_ALIKE = "has Latin letters that look like Cyrillic ones: type them in Cyrillic"
LATIN = "has Latin letters: write the name in Cyrillic, as in the document"
FOREIGN = "may have Cyrillic letters, Latin I and V, spaces and -'.,() only"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lastName": ...}, {"lastName": "is required"}),
        ({"lastName": None}, {"lastName": "must be a string"}),
        ({"lastName": 5}, {"lastName": "must be a string"}),
        ({"lastName": ""}, {"lastName": "is required"}),
        ({"lastName": "\t \n"}, {"lastName": "is required"}),
        ({"lastName": "Пeтров"}, {"lastName": LOOK_ALIKE}),
        ({"lastName": "Petrov"}, {"lastName": LATIN}),
        ({"lastName": "Петров W"}, {"lastName": LATIN}),
        ({"lastName": "Петров1"}, {"lastName": FOREIGN}),
        ({"lastName": "Петров\x00"}, {"lastName": FOREIGN}),
        ({"lastName": "Шевченкі"}, {"lastName": OTHER_CYRILLIC}),
        *(({"lastName": other}, {"lastName": OTHER_CYRILLIC}) for other in ("Іваненко", "Їжак", "Доўгі", "Әлия")),
        ({"lastName": "IV"}, {"lastName": "must have at least one Cyrillic letter"}),
        ({"lastName": "а" * 10_000}, {"lastName": "must have at most 150 characters"}),
        ({"firstName": "-"}, {"firstName": "must have at least one Cyrillic letter"}),
        ({"middleName": 1}, {"middleName": "must be a string"}),
        ({"middleName": "Petrovich"}, {"middleName": LATIN}),
        ({"birthDate": ...}, {"birthDate": "is required"}),
        ({"birthDate": "12.03.1985"}, {"birthDate": ISO}),
        ({"birthDate": "19850312"}, {"birthDate": ISO}),
        ({"birthDate": "1985-02-30"}, {"birthDate": ISO}),
        *(({"birthDate": f"1985-03-12{time}"}, {"birthDate": ISO}) for time in ("T00:00:01", "T12:00:00", "T21:00:00Z", "T")),
        ({"birthDate": "١٩٨٥-03-12"}, {"birthDate": ISO}),
        ({"birthDate": 479433600}, {"birthDate": "must be a string"}),
        ({"birthDate": "1909-12-31"}, {"birthDate": "must not be before 1910-01-01"}),
        ({"birthDate": "2026-05-05"}, {"birthDate": "must not be in the future"}),
        ({"documentType": "99"}, {"documentType": "must be one of 01, 03, 10, 12, 15, 19, 21, 23, 62"}),
        ({"documentType": 21}, {"documentType": "must be a string"}),
        ({"documentSerial": ...}, {"documentSerial": "is required"}),
        *(({"documentSerial": no}, {"documentSerial": "must be a string"}) for no in (45.5, -4509, True, ["4509"])),
        ({"documentSerial": "45091"}, {"documentSerial": FOUR_DIGITS}),
        ({"documentSerial": "0000"}, {"documentSerial": FOUR_DIGITS}),
        ({"documentSerial": "45"}, {"documentSerial": FOUR_DIGITS}),
        ({"documentSerial": "АБВГ"}, {"documentSerial": FOUR_DIGITS}),
        ({"documentNumber": ...}, {"documentNumber": "is required"}),
        ({"documentNumber": "1234567"}, {"documentNumber": SIX_DIGITS}),
        ({"documentNumber": "000000"}, {"documentNumber": SIX_DIGITS}),
        ({"documentNumber": "12 O4"}, {"documentNumber": SIX_DIGITS}),
        ({"documentType": "03", "documentSerial": "4509"}, {"documentSerial": ROMAN}),
        *(({"documentType": "03", "documentSerial": f"{no}-АБ"}, {"documentSerial": ROMAN}) for no in ("", "IIV", "IIII", "VX", "ll", "IL")),
        ({"documentType": "03", "documentSerial": ""}, {"documentSerial": "is required"}),
        ({"documentType": "10", "documentNumber": ""}, {"documentNumber": "is required"}),
        ({"documentType": "10", "documentSerial": "", "documentNumber": "1" * 26}, {"documentNumber": "must have at most 25 characters"}),
        ({"documentType": "10", "documentSerial": "1" * 15, "documentNumber": "2" * 10}, {"documentNumber": "must have at most 25 characters, the series and a space included"}),
        ({"documentType": "10", "documentNumber": "1;2"}, {"documentNumber": FREE}),
        *(({"documentType": "10", "documentNumber": no}, {"documentNumber": SIGN}) for no in ("-", "...", "/ /")),
        ({"birthPlace": "б" * 251}, {"birthPlace": "must have at most 250 characters"}),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_what_was_expected(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert faults(**changes) == expected


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = parse(b'{"requestId":"r-1","firstName":"Bob","documentDate":7,"documentNumber":"x"}', TODAY)
    assert isinstance(wrong, Rejected)
    assert [error.field for error in wrong.errors] == [
        "lastName", "firstName", "birthDate", "documentSerial", "documentNumber",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("request_id", "message"),
    [
        (..., "is required"),
        *((no, "must be a string") for no in (None, 17)),
        ("", "must not be empty"),
        ("x" * 129, "must have at most 128 characters"),
    ],
)
def test_a_wrong_request_id_is_named_and_not_repeated(request_id: object, message: str) -> None:
    assert parse(body(requestId=request_id), TODAY) == Rejected("", (FieldError("requestId", message),))


@pytest.mark.parametrize(
    "text",
    [b"", b"nonsense", b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": "\\ud800"}', b"[" * 100_000, b"{} {}"],
    ids=["empty", "no JSON", "no UTF-8", "NaN", "Infinity", "half a surrogate pair", "deep nesting", "two documents"],
)
def test_what_is_not_json_is_no_request_at_all(text: bytes) -> None:
    rejected = parse(text, TODAY)
    assert isinstance(rejected, Rejected)
    assert rejected.request_id is None
    assert "not JSON" in str(rejected.errors[0])


@pytest.mark.parametrize("text", [b"[]", b'"text"', b"5", b"null", b"true"])
def test_json_that_is_no_object_is_no_request_at_all(text: bytes) -> None:
    assert parse(text, TODAY) == Rejected(None, (FieldError("", "expected a request as a JSON object"),))


def test_a_byte_order_mark_before_the_json_is_skipped_and_a_decoded_object_read_like_its_text() -> None:
    assert parse(b"\xef\xbb\xbf" + body(), TODAY) == parse(PERSON, TODAY) == request()


def test_nothing_shows_a_person_but_the_fields_themselves() -> None:
    person = request()
    for text in (repr(person), str(person), f"{person}", repr(person.person)):
        assert not any(value in text for name, value in PERSON.items() if name != "requestId")


def test_a_rejection_repeats_no_value() -> None:
    secret = "Zzyzx"
    changes = dict.fromkeys(PERSON, secret) | {"documentType": secret, "documentDate": secret, "birthPlace": [secret]}
    assert secret not in str(parse(body(**changes | {"requestId": [secret]}), TODAY))


REQUEST = request()
REQUIRED, ODD = FieldError("lastName", "is required"), FieldError("", "odd")
ANSWER = Answer(Status.FOUND, INN, "nalog", NOW)
RESULT = {"requestId": "r-1", "inn": "", "cached": False, "details": "", "elapsedTime": 0.25}


WORDS = "bad_reply: the tax service gave a reply that cannot be trusted"
WAITS = "in_progress: another worker is asking for this person now"


def absent(status: Status) -> Answered:
    return Answered(REQUEST, Answer(status, "", "nalog", NOW), cached=False)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Answered(REQUEST, ANSWER, cached=True), {"inn": INN, "status": "found", "cached": True}),
        (absent(Status.NOT_FOUND), {"status": "not_found", "details": ADVICE[Status.NOT_FOUND]}),
        (absent(Status.AMBIGUOUS), {"status": "ambiguous", "details": ADVICE[Status.AMBIGUOUS]}),
        (Rejected("r-1", (REQUIRED, ODD)), {"status": "rejected", "details": "lastName: is required; odd"}),
        (Rejected(None, (ODD,)), {"requestId": "", "status": "rejected", "details": "odd"}),
        (Deferred(REQUEST, Reason.BAD_REPLY), {"status": "failed", "details": WORDS}),
        (InProgress(REQUEST), {"status": "failed", "details": WAITS}),
    ],
)
def test_the_reply_says_how_it_ended(outcome: Outcome, expected: dict[str, object]) -> None:
    result = result_of(outcome, 0.25)
    assert json.loads(result.to_json()) == RESULT | expected
    assert LookupResult.model_validate_json(result.to_json()) == result


def test_every_reason_and_every_answer_without_an_inn_has_its_words() -> None:
    assert all(reason.text for reason in Reason)
    assert all("earlier passport" in ADVICE[status] for status in (Status.NOT_FOUND, Status.AMBIGUOUS))


def test_waiting_for_a_permit_is_no_failure() -> None:
    failures = {reason for reason in Reason if reason.is_failure}
    assert failures == {Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.INTERNAL_ERROR}
