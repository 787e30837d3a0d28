import json
import re
from datetime import date
from typing import Any

import pytest

from function.history_and_erasure import HistoryQuery
from function.outcomes import Answer, Answered, Deferred, FieldError, InProgress, Outcome, Reason, Rejected, Status
from function.request import parse
from function.result import ADVICE, LookupResult, result_of
from tests.doubles import INN, NOW, PERSON, body, request

TODAY = NOW.date()
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u2060\u2066\ufeff"
APOSTROPHES = "\u2018\u2019\u201b\u02b9\u02bc\u2032\u0060\u00b4\uff07"


def rows(field: str, expected: object, *written: object, **others: object) -> list[tuple[dict[str, Any], str, object]]:
    """A row for each way in which this field is written beside the others."""
    return [({**others, field: each}, field, expected) for each in written]


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        *rows("lastName", "Иванов", "Иванов", *(f"Ива{sign}нов" for sign in INVISIBLE)),
        *rows("lastName", "Петров - Водкин", " Петров \u2014 Водкин "),
        *rows("lastName", "Д'Артаньян", *(f"Д{sign}Артаньян" for sign in APOSTROPHES)),
        *rows("lastName", "Цой", "Цои\u0306"),
        *rows("lastName", "Иванов (Петров)", "Иванов (Петров)"),
        *rows("firstName", "Людовик VV", "Людовик VV"),
        *rows("firstName", "Пётр", "Пётр", unknown={"any": ["thing"]}),
        *rows("middleName", "", ..., None, "  ", " - ", "\u2014", "нет", "Отсутствует", "НЕ УКАЗАНО", "не указан"),
        *rows("middleName", "", "нет отчества", "(нет)", "без отчества", "не имеется", "\u200bнет"),
        *rows("middleName", "Нетович", "Нетович"),
        *rows("middleName", "Мамед Оглы", "Мамед  Оглы"),
        *rows("documentSerial", "4509", "45 09", "45-09", 4509.0),
        *rows("documentSerial", "0409", "409", 409),
        *rows("documentNumber", "123456", "123 456", "№ 123456", "123\u200b456"),
        *rows("documentNumber", "000042", "42", 42),
        *rows("documentType", "21", None, ""),
        *rows("documentDate", date(2005, 4, 1), "2005-04-01", "2005-04-01T00:00:00"),
        *rows("documentDate", None, None, "", "2026-05-05", "1985-03-11", "0001-01-01T00:00:00", "20.08.10"),
        *rows("documentDate", None, "20.08.2010", "2026-02-30", "yesterday", 7, True),
        *rows("documentDate", TODAY, "2026-05-04"),
        *rows("documentDate", date(1985, 3, 12), "1985-03-12"),
        *rows("birthDate", date(1985, 3, 12), "1985-03-12T00:00:00", "1985-03-12T00:00", "1985-03-12 00:00:00"),
        *rows("birthDate", date(1985, 3, 12), *(f"1985-03-12T00:00:00{zone}" for zone in (".000", "Z", "+03:00"))),
        *rows("birthDate", date(1910, 1, 1), "1910-01-01"),
        *rows("birthDate", TODAY, "2026-05-04"),
        *rows("birthPlace", "г. Тверь", " г.  Тверь"),
        *rows("birthPlace", "", None),
        *rows("requestId", "я" * 128, "я" * 128),
        *rows("documentSerial", "IV-МЮ", "iv-мю", "IV МЮ", "IVМЮ", "IV-МЮ №", "ІV-МЮ", "1У МЮ", "IV-MЮ", documentType="03"),
        *rows("documentSerial", "X-АБ", "Х — АБ", documentType="01"),
        *rows("documentSerial", "XXIV-АБ", "XXIV-АБ", documentType="03"),
        *rows("documentSerial", "CLXXXVIII-АБ", "clxxxviii-АБ", documentType="03"),
        *rows("documentNumber", "123456", "№123456", documentType="03", documentSerial="IV-МЮ"),
        *rows("documentNumber", "000001", "1", documentType="03", documentSerial="11-АБ"),
        *rows("documentNumber", "AB 1234", "AB № 1234", documentType="10", documentSerial=...),
        *rows("documentNumber", "AB 12-34/5", "AB 12-34/5", documentType="10", documentSerial=...),
        *rows("documentSerial", "82", " 82 ", documentType="12", documentNumber="7"),
        *rows("documentSerial", "", " ", " \u2014 ", documentType="12", documentNumber="7"),
        *rows("documentNumber", "А-123", "а\u2013123", documentType="12"),
    ],
)  # fmt: skip
def test_a_field_is_read(changes: dict[str, Any], field: str, value: object) -> None:
    attribute = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", field)
    assert getattr(request(**changes), attribute) == value


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
NO_LETTER = "must have at least one Cyrillic letter"
TOO_LONG = "must have at most 25 characters"
TOO_LONG_TOGETHER = f"{TOO_LONG}, the series and a space included"


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        *rows("lastName", "is required", ..., "", "\t \n"),
        *rows("lastName", "must be a string", None, 5),
        *rows("lastName", LOOK_ALIKE, "Пeтров"),
        *rows("lastName", LATIN, "Petrov", "Петров W"),
        *rows("lastName", FOREIGN, "Петров1", "Петров\x00"),
        *rows("lastName", OTHER_CYRILLIC, "Шевченкі", "Іваненко", "Їжак", "Доўгі", "Әлия"),
        *rows("lastName", NO_LETTER, "IV"),
        *rows("lastName", "must have at most 150 characters", "а" * 10_000),
        *rows("firstName", NO_LETTER, "-"),
        *rows("middleName", "must be a string", 1),
        *rows("middleName", LATIN, "Petrovich"),
        *rows("birthDate", "is required", ...),
        *rows("birthDate", ISO, "12.03.1985", "19850312", "1985-02-30", "١٩٨٥-03-12"),
        *rows("birthDate", ISO, *(f"1985-03-12{time}" for time in ("T00:00:01", "T12:00:00", "T21:00:00Z", "T"))),
        *rows("birthDate", "must be a string", 479433600),
        *rows("birthDate", "must not be before 1910-01-01", "1909-12-31"),
        *rows("birthDate", "must not be in the future", "2026-05-05"),
        *rows("documentType", "must be one of 01, 03, 10, 12, 15, 19, 21, 23, 62", "99"),
        *rows("documentType", "must be a string", 21),
        *rows("documentSerial", "is required", ...),
        *rows("documentSerial", "must be a string", 45.5, -4509, True, ["4509"]),
        *rows("documentSerial", FOUR_DIGITS, "45091", "0000", "45", "АБВГ"),
        *rows("documentNumber", "is required", ...),
        *rows("documentNumber", SIX_DIGITS, "1234567", "000000", "12 O4"),
        *rows("documentSerial", "is required", "", documentType="03"),
        *rows("documentSerial", ROMAN, "4509", "-АБ", "IIV-АБ", "IIII-АБ", "VX-АБ", "ll-АБ", "IL-АБ", documentType="03"),
        *rows("documentNumber", "is required", "", documentType="10"),
        *rows("documentNumber", TOO_LONG, "1" * 26, documentType="10", documentSerial=""),
        *rows("documentNumber", TOO_LONG_TOGETHER, "2" * 10, documentType="10", documentSerial="1" * 15),
        *rows("documentNumber", FREE, "1;2", documentType="10"),
        *rows("documentNumber", SIGN, "-", "...", "/ /", documentType="10"),
        *rows("birthPlace", "must have at most 250 characters", "б" * 251),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_what_was_expected(changes: dict[str, Any], field: str, message: str) -> None:
    rejected = parse(body(**changes), TODAY)
    assert rejected == Rejected("r-1", (FieldError(field, message),))


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


def test_every_reason_and_every_answer_without_an_inn_has_its_words_and_waiting_for_a_permit_is_no_failure() -> None:
    assert all(reason.text for reason in Reason)
    assert all("earlier passport" in ADVICE[status] for status in (Status.NOT_FOUND, Status.AMBIGUOUS))
    failures = {reason for reason in Reason if reason.is_failure}
    assert failures == {Reason.PROVIDER_UNAVAILABLE, Reason.BAD_REPLY, Reason.INTERNAL_ERROR}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sort": "person"}, "sort must be one of time, status, provider"),
        ({"sort": "--time"}, "sort must be one of"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"skip": -1}, "skip 0 or more"),
    ],
)
def test_a_page_that_cannot_be_is_refused(wrong: dict[str, str | int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        HistoryQuery(**wrong)  # type: ignore[arg-type]  # a table of all kinds
