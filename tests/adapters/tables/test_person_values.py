"""What people and spreadsheets write: dates, documents, names. Each kind has its row: what is written, what is read."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest

from adapters.tables.person_values import document_type, full_name, parse_date, series_and_number
from function.documents import WrongDocument

BORN = date(1990, 7, 15)
Read = Callable[[str], Any]


def forms(read: Read, expected: object, *lines: str) -> Iterable[Any]:
    """A row for each of the texts, which are separated by bars; all of them are read as one."""
    name = getattr(read, "func", read).__name__
    return [pytest.param(read, text, expected, id=f"{name}: {text}") for line in lines for text in line.split(" | ")]


DATES = forms(
    parse_date,
    BORN,
    "15.07.1990 | 1990-07-15 | 15/07/1990 | 15-07-1990 | 15.7.1990 | 1990/07/15 | 1990.07.15 | 15 07 1990",
    "15.07.1990 0:00:00 | 15.07.1990 00:00 | 1990-07-15 00:00:00 | 1990-07-15T00:00:00 | 1990-07-15T00:00:00Z",
    "1990-07-15T00:00:00.000+03:00 | 1990-07-15 10:11:12 | 15.07.1990 г. | 15.07.1990г | 15.07.1990 года",
    "15 июля 1990 г. | 15 июля 1990 | 15 июл 1990 | 15-июл-90 | «15» июля 1990 года | 15 JULY 1990 | 15 Jul. 90",
    "15.07.90 | 15/7/90 | 33069 | 33069.0 | 33069,5 |  15. 07. 1990  | 15\u201307\u20131990 | 15\u00a0июля\u00a01990",
)
NO_DATES = forms(
    parse_date,
    None,
    "31.02.1990 | 07/15/1990 | 13/13/1990 | 1990 | 15.07 | 15.07.990 | 15 ярня 1990 | 15 июля",
    # It was midnight in Moscow, of another day.
    "1990-07-14T21:00:00Z | 7/15/1990 12:00:00 AM | 3306 | 330690 | нет | \u0661\u0665.07.1990",
    "",
)
PASSPORTS = (
    "45 11 123456 | 4511 123456 | 4511123456 | 45 11123456 | 4511-123456 | 4511/123456 | 45-11-123-456",
    "сер. 4511 № 123456 | серия 45 11 номер 123456 | Серия: 4511, №123456 | 4511№123456 | паспорт 4511 123456",
    "Паспорт гражданина РФ 4511 123456 | ПАСПОРТ РФ серия 4511 N 123456 | 4511 No 123456",
    "паспортные данные: 4511 123456 | 4511 123456 выдан 01.02.2010 ОВД № 5 | 4511 123456 от 01.02.2010",
    "4511 123456, ОВД «Арбат» г. Москвы, 01.02.2010, код 770-001",
    "45\u00a011\u00a0123456 | 4511\u2014123456",
)
NO_PASSPORTS = (
    "45 11 12345 | 4511 23456 | 451 1123456 | 451112 3456 | 405001234 | 45111234567 | 4511 1234567 | 123456 | 4511",
    "IV-МЮ 123456 | 4511 123456 и 4512 654321 | серия 4511 номер 23456 | сер. 405 № 001234 | \u0664511123456",
)
of_kind = {kind: partial(series_and_number, kind) for kind in ("", "01", "03", "10", "12", "21")}
a_number = partial(series_and_number, "21", is_number=True)
DOCUMENTS = [
    *forms(of_kind["03"], ("IV-МЮ", "123456"), "IV-МЮ 123456"),
    *forms(of_kind["03"], ("IV МЮ", "123456"), "IV МЮ 123456"),
    *forms(of_kind["01"], ("IVМЮ", "123456"), "IVМЮ123456"),
    *forms(of_kind["01"], ("IV-МЮ", "123456"), "серия IV-МЮ №123456"),
    *forms(of_kind["10"], ("", "CZ1234567"), "CZ1234567"),
    *forms(of_kind["12"], ("", "82 № 1234567"), "82 № 1234567"),
    # Only what came as a number has lost a zero.
    *forms(a_number, ("0405", "001234"), "405001234"),
]
TYPES = {
    "21": "21 | 21.0 | 21 - Паспорт | Паспорт | ПАСПОРТ РФ | Паспорт гражданина РФ | паспорт гражданина Российской Федерации",
    "01": "Паспорт СССР",
    "03": "3 | Свидетельство о рождении | Св-во о рождении",
    "10": "Паспорт иностранного гражданина",
    "12": "Вид на жительство | Вид на жительство в РФ | ВНЖ | residence permit",
    "15": "РВП | Разрешение на временное проживание в РФ",
    "19": "Свидетельство о предоставлении временного убежища на территории РФ",
    "62": "Вид на жительство иностранного гражданина",
    **{text: text for text in ("Военный билет", "", "4511 123456")},
}
NAMES = {
    "Иванова|Анна|Петровна": "Иванова Анна Петровна | Иванова, Анна Петровна",
    "Иванов|Иван|": "Иванов Иван | Иванов Иван - | Иванов Иван (нет) | Иванов Иван нет отчества",
    "Алиев|Вагиф|Гасан оглы": "Алиев Вагиф Гасан оглы",
    "МАМЕДОВА|ЛЕЙЛА|АЛИ КЫЗЫ": "МАМЕДОВА ЛЕЙЛА АЛИ КЫЗЫ",
    "Алиев|Вагиф|Гасан-оглы": "Алиев Вагиф Гасан-оглы",
    "Мамин-Сибиряк|Дмитрий|Наркисович": "Мамин-Сибиряк Дмитрий Наркисович",
    "Салтыков-Щедрин|Михаил|Евграфович": "Салтыков - Щедрин Михаил Евграфович",
    "Гарсиа Лопес|Мария|Ивановна": "Гарсиа Лопес Мария Ивановна",
    "Иванова (Петрова)|Анна|Ильинична": "Иванова (Петрова) Анна Ильинична",
    "Абрамович|Роман|Аркадьевич": "Абрамович Роман Аркадьевич",
    "Ким|Чен|Ын": "Ким Чен Ын",
}


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        *(*DATES, *NO_DATES, *DOCUMENTS),
        *(row for kind in ("", "21") for row in forms(of_kind[kind], ("4511", "123456"), *PASSPORTS)),
        *(row for code, texts in TYPES.items() for row in forms(document_type, code, texts)),
        *(row for parts, texts in NAMES.items() for row in forms(full_name, tuple(parts.split("|")), texts)),
    ],
)
def test_what_people_write_is_read_as_they_mean_it(read: Read, text: str, expected: object) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        # No digit of a passport moves from one part to the other.
        *forms(of_kind["21"], "series of 4 digits and a number of 6", *NO_PASSPORTS),
        *forms(a_number, "series of 4 digits and a number of 6", "40500123 | 405 001234"),
        *forms(of_kind["03"], "must be a series and a number", "12 3456 | 123456 | IV-МЮ | IV-МЮ 12 3456"),
        *forms(
            full_name,
            "the surname, the first name and the patronymic",
            "Иванов | Иванов И.И. | Иванов И И | Анна Петровна Иванова | Иванов Петрович",
            "Мария Анна Ким Ли | Алиев Гасан оглы",
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_not(read: Read, text: str, said: str) -> None:
    with pytest.raises(ValueError if read is full_name else WrongDocument, match=said):
        read(text)


def test_a_year_of_two_digits_is_of_this_century_only_where_that_day_is_past() -> None:
    now = datetime.now(tz=UTC).year
    assert parse_date("01.01.05") == date(2005, 1, 1)
    assert parse_date(f"31.12.{(now + 1) % 100:02}") == date(now + 1 - 100, 12, 31)
    assert parse_date("29.02.96") == date(1996, 2, 29)
