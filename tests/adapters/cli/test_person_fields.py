"""What people and spreadsheets write: dates, documents, names. Each kind has its row: what is written, what is read."""

from datetime import UTC, date, datetime

import pytest

from adapters.cli.person_fields import document_type, full_name, parse_date, series_and_number
from function.documents import WrongDocument

BORN = date(1990, 7, 15)


def forms(*lines: str) -> list[str]:
    """Texts that are separated by bars."""
    return [form for line in lines for form in line.split(" | ")]


DATES = forms(
    "15.07.1990 | 1990-07-15 | 15/07/1990 | 15-07-1990 | 15.7.1990 | 1990/07/15 | 1990.07.15 | 15 07 1990",
    "15.07.1990 0:00:00 | 15.07.1990 00:00 | 1990-07-15 00:00:00 | 1990-07-15T00:00:00 | 1990-07-15T00:00:00Z",
    "1990-07-15T00:00:00.000+03:00 | 1990-07-15 10:11:12 | 15.07.1990 г. | 15.07.1990г | 15.07.1990 года",
    "15 июля 1990 г. | 15 июля 1990 | 15 июл 1990 | 15-июл-90 | «15» июля 1990 года | 15 JULY 1990 | 15 Jul. 90",
    "15.07.90 | 15/7/90 | 33069 | 33069.0 | 33069,5 |  15. 07. 1990  | 15\u201307\u20131990 | 15\u00a0июля\u00a01990",
)


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read_in_the_ways_it_is_written(text: str) -> None:
    assert parse_date(text) == BORN


NO_DATES = forms(
    "31.02.1990 | 07/15/1990 | 13/13/1990 | 1990 | 15.07 | 15.07.990 | 15.07-1990 | 15 ярня 1990 | 15 июля",
    # It was midnight in Moscow, of another day.
    "1990-07-14T21:00:00Z | 7/15/1990 12:00:00 AM | 3306 | 330690 | нет | \u0661\u0665.07.1990",
    "",
)


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_or_could_be_another_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_a_year_of_two_digits_is_of_this_century_only_where_that_day_is_past() -> None:
    now = datetime.now(tz=UTC).year
    assert parse_date("01.01.05") == date(2005, 1, 1)
    assert parse_date(f"31.12.{(now + 1) % 100:02}") == date(now + 1 - 100, 12, 31)
    assert parse_date("29.02.96") == date(1996, 2, 29)


PASSPORTS = forms(
    "45 11 123456 | 4511 123456 | 4511123456 | 45 11123456 | 4511-123456 | 4511/123456 | 45-11-123-456",
    "сер. 4511 № 123456 | серия 45 11 номер 123456 | Серия: 4511, №123456 | 4511№123456 | паспорт 4511 123456",
    "Паспорт гражданина РФ 4511 123456 | ПАСПОРТ РФ серия 4511 N 123456 | 4511 No 123456",
    "паспортные данные: 4511 123456 | 4511 123456 выдан 01.02.2010 ОВД № 5 | 4511 123456 от 01.02.2010"
    " | 4511 123456, ОВД «Арбат» г. Москвы, 01.02.2010, код 770-001",
    "45\u00a011\u00a0123456 | 4511\u2014123456",
)


@pytest.mark.parametrize("text", PASSPORTS)
def test_a_passport_is_read_in_the_ways_it_is_written(text: str) -> None:
    assert series_and_number("", text) == series_and_number("21", text) == ("4511", "123456")


NO_PASSPORTS = forms(
    "45 11 12345 | 4511 23456 | 451 1123456 | 451112 3456 | 405001234 | 45111234567 | 4511 1234567 | 123456 | 4511",
    "IV-МЮ 123456 | 4511 123456 и 4512 654321 | серия 4511 номер 23456 | сер. 405 № 001234 | \u0664511123456",
)


@pytest.mark.parametrize("text", NO_PASSPORTS)
def test_no_digit_of_a_passport_moves_from_one_part_to_the_other(text: str) -> None:
    with pytest.raises(WrongDocument, match="series of 4 digits and a number of 6"):
        series_and_number("21", text)


def test_only_what_came_as_a_number_has_lost_a_zero() -> None:
    assert series_and_number("21", "405001234", is_number=True) == ("0405", "001234")
    for text in ("40500123", "405 001234"):
        with pytest.raises(WrongDocument):
            series_and_number("21", text, is_number=True)


OTHER_DOCUMENTS = [
    *(("03", "IV-МЮ 123456", ("IV-МЮ", "123456")), ("03", "IV МЮ 123456", ("IV МЮ", "123456"))),
    *(("01", "IVМЮ123456", ("IVМЮ", "123456")), ("01", "серия IV-МЮ №123456", ("IV-МЮ", "123456"))),
    *(("10", "CZ1234567", ("", "CZ1234567")), ("12", "82 № 1234567", ("", "82 № 1234567"))),
]


@pytest.mark.parametrize(("kind", "text", "parts"), OTHER_DOCUMENTS)
def test_other_documents_are_parted_where_their_number_begins(kind: str, text: str, parts: tuple[str, str]) -> None:
    assert series_and_number(kind, text) == parts


@pytest.mark.parametrize("text", ["12 3456", "123456", "IV-МЮ", "IV-МЮ 12 3456"])
def test_a_number_in_two_pieces_is_not_guessed(text: str) -> None:
    with pytest.raises(WrongDocument):
        series_and_number("03", text)


TYPES = [
    *(("21", "21"), ("3", "03"), ("21.0", "21"), ("21 - Паспорт", "21"), ("Паспорт", "21"), ("ПАСПОРТ РФ", "21")),
    *(("Паспорт гражданина РФ", "21"), ("паспорт гражданина Российской Федерации", "21"), ("Паспорт СССР", "01")),
    *(("Свидетельство о рождении", "03"), ("Св-во о рождении", "03"), ("Паспорт иностранного гражданина", "10")),
    *(("Вид на жительство", "12"), ("Вид на жительство в РФ", "12"), ("ВНЖ", "12"), ("РВП", "15")),
    *(("Вид на жительство иностранного гражданина", "62"), ("Разрешение на временное проживание в РФ", "15")),
    *(("Свидетельство о предоставлении временного убежища на территории РФ", "19"), ("residence permit", "12")),
    *(("Военный билет", "Военный билет"), ("", ""), ("4511 123456", "4511 123456")),
]


@pytest.mark.parametrize(("text", "code"), TYPES)
def test_a_kind_of_document_is_read_by_its_code_or_its_name(text: str, code: str) -> None:
    assert document_type(text) == code


NAMES = [
    *(("Иванова Анна Петровна", "Иванова|Анна|Петровна"), ("Иванова, Анна Петровна", "Иванова|Анна|Петровна")),
    *(("Иванов Иван", "Иванов|Иван|"), ("Иванов Иван -", "Иванов|Иван|"), ("Иванов Иван (нет)", "Иванов|Иван|")),
    *(("Иванов Иван нет отчества", "Иванов|Иван|"), ("Алиев Вагиф Гасан оглы", "Алиев|Вагиф|Гасан оглы")),
    *(("МАМЕДОВА ЛЕЙЛА АЛИ КЫЗЫ", "МАМЕДОВА|ЛЕЙЛА|АЛИ КЫЗЫ"), ("Алиев Вагиф Гасан-оглы", "Алиев|Вагиф|Гасан-оглы")),
    ("Мамин-Сибиряк Дмитрий Наркисович", "Мамин-Сибиряк|Дмитрий|Наркисович"),
    ("Салтыков - Щедрин Михаил Евграфович", "Салтыков-Щедрин|Михаил|Евграфович"),
    ("Гарсиа Лопес Мария Ивановна", "Гарсиа Лопес|Мария|Ивановна"),
    ("Иванова (Петрова) Анна Ильинична", "Иванова (Петрова)|Анна|Ильинична"),
    *(("Абрамович Роман Аркадьевич", "Абрамович|Роман|Аркадьевич"), ("Ким Чен Ын", "Ким|Чен|Ын")),
]


@pytest.mark.parametrize(("text", "parts"), NAMES)
def test_a_whole_name_is_parted(text: str, parts: str) -> None:
    assert full_name(text) == tuple(parts.split("|"))


NO_NAMES = forms(
    "Иванов | Иванов И.И. | Иванов И И | Анна Петровна Иванова | Иванов Петрович",
    "Мария Анна Ким Ли | Алиев Гасан оглы",
)


@pytest.mark.parametrize("text", NO_NAMES)
def test_a_name_that_could_be_parted_in_two_ways_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="the surname, the first name and the patronymic"):
        full_name(text)
