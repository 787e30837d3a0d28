from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from function.history_and_erasure import HistoryQuery, person_fields
from function.names import is_no_patronymic
from function.person import Person
from tests.doubles import NOW, request

CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"

words = st.text(CYRILLIC + "ё", min_size=1, max_size=12)
names = st.lists(words, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([" ", "-"]).map(lambda separator: separator.join(parts))
)
FIELDS = {
    "lastName": names,
    "firstName": names,
    "middleName": st.one_of(st.just(""), names.filter(lambda text: not is_no_patronymic(text))),
    "birthDate": st.dates(date(1910, 1, 1), NOW.date()).map(date.isoformat),
    "documentSerial": st.integers(1000, 9999).map(str),
    "documentNumber": st.integers(100_000, 999_999).map(str),
}
persons = st.fixed_dictionaries(FIELDS)


def spelled(person: dict[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """The same person as another client would type it."""

    def name(text: str) -> st.SearchStrategy[str]:
        wide = text.replace(" ", "  ").replace("-", "\u2013")
        # NFD takes й and ё apart, as some systems send them.
        apart = text.replace("й", "и\u0306").replace("ё", "е\u0308")
        return st.sampled_from([text, text.upper(), text.title(), f" {wide}\t", apart])

    digits = person["documentSerial"]
    return st.fixed_dictionaries(
        {
            **{field: name(person[field]) for field in ("lastName", "firstName", "middleName")},
            "birthDate": st.just(person["birthDate"]),
            "documentSerial": st.sampled_from([digits, f"{digits[:2]} {digits[2:]}", f"{digits[:2]}-{digits[2:]}"]),
            "documentNumber": st.sampled_from([person["documentNumber"], f" {person['documentNumber']} "]),
            "documentDate": st.sampled_from([None, "2026-05-04"]),
            "birthPlace": st.sampled_from(["", "Тверь"]),
            "requestId": st.sampled_from(["a", "b"]),
        }
    )


@given(persons.flatmap(lambda person: st.tuples(spelled(person), spelled(person))))
def test_two_spellings_of_one_person_are_one_identity(pair: tuple[dict[str, str], dict[str, str]]) -> None:
    one, other = (request(**person).person for person in pair)
    assert one == other
    assert one.identity == other.identity


@given(persons, st.data())
def test_one_differing_field_makes_another_person(person: dict[str, str], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(person)))
    other = {**person, field: data.draw(FIELDS[field])}
    assume(person != other)
    first, second = (request(**fields).person for fields in (person, other))
    assert first != second
    assert first.identity != second.identity


def test_stored_hashes_are_of_all_fields_in_this_order_kept_apart() -> None:
    person = Person("а", "бв", "", date(1985, 3, 12), "10", "1", "23")
    assert person.identity == "а\x1fбв\x1f\x1f1985-03-12\x1f10\x1f1\x1f23".encode()


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("lastName", "Семёнов", "Семенов"),
        ("firstName", "Анна Мария", "Анна-Мария"),
        ("lastName", "Петров - Водкин", "Петров-Водкин"),
    ],
)
def test_what_the_tax_service_may_tell_apart_is_never_one_person(field: str, one: str, other: str) -> None:
    assert request(**{field: one}).person != request(**{field: other}).person


def test_history_holds_what_was_given_of_a_person_and_a_minus_turns_its_order_round() -> None:
    given = {"lastName": "Иванова", "middleName": "", "birthDate": "1990-07-15"}
    kept = person_fields(request(**given))
    assert (kept["lastName"], kept["birthDate"], "middleName" in kept) == ("Иванова", "1990-07-15", False)
    assert HistoryQuery(sort="-provider").descending
