import json
from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st

from function.names import is_no_patronymic
from function.person import Person
from function.request import LookupRequest, parse
from tests.doubles import body

TODAY = date(2026, 5, 4)
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


def requested(text: bytes) -> LookupRequest:
    request = parse(text, TODAY)
    assert isinstance(request, LookupRequest), request
    return request


words = st.text(CYRILLIC + "ё", min_size=1, max_size=12)
names = st.lists(words, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([" ", "-"]).map(lambda separator: separator.join(parts))
)
persons = st.fixed_dictionaries(
    {
        "lastName": names,
        "firstName": names,
        "middleName": st.one_of(st.just(""), names.filter(lambda text: not is_no_patronymic(text))),
        "birthDate": st.dates(date(1910, 1, 1), TODAY).map(date.isoformat),
        "documentSerial": st.from_regex(r"[1-9][0-9]{3}", fullmatch=True),
        "documentNumber": st.from_regex(r"[1-9][0-9]{5}", fullmatch=True),
    }
)


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
    one, other = (requested(json.dumps(person).encode()).person for person in pair)
    assert one == other
    assert one.identity == other.identity


def essence(person: dict[str, str]) -> tuple[str, ...]:
    # The fields come in any order.
    return tuple(person[field] for field in sorted(person))


@given(persons, persons)
def test_two_persons_are_never_one_identity(one: dict[str, str], other: dict[str, str]) -> None:
    assume(essence(one) != essence(other))
    first, second = (requested(body(**person)).person for person in (one, other))
    assert first != second
    assert first.identity != second.identity


@given(persons, st.data())
def test_one_differing_field_makes_another_person(person: dict[str, str], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(person)))
    other = {**person, field: data.draw(persons)[field]}
    assume(essence(person) != essence(other))
    assert requested(body(**person)).person.identity != requested(body(**other)).person.identity


def test_parts_that_run_together_alike_are_kept_apart() -> None:
    document = ("21", "4509", "123456")
    day = date(1985, 3, 12)
    assert Person("а", "бв", "", day, *document).identity != Person("аб", "в", "", day, *document).identity
    assert Person("а", "б", "", day, "10", "1", "23").identity != Person("а", "б", "", day, "10", "12", "3").identity


def test_two_letters_that_the_tax_service_may_tell_apart_are_two_persons() -> None:
    one, other = (requested(body(lastName=name)).person for name in ("Семёнов", "Семенов"))
    assert one != other


def test_a_space_and_a_dash_are_not_one_name() -> None:
    spaced, dashed = (requested(body(firstName=name)).person for name in ("Анна Мария", "Анна-Мария"))
    assert spaced != dashed


def test_what_the_tax_service_may_tell_apart_is_never_one_person() -> None:
    spaced, tight = (requested(body(lastName=name)) for name in ("Петров - Водкин", "Петров-Водкин"))
    assert spaced.last_name != tight.last_name
    assert spaced.person != tight.person


def test_letters_of_a_document_are_one_in_any_case() -> None:
    small, large = (
        requested(body(documentType="10", documentSerial="", documentNumber=number)).person for number in ("ab1", "AB1")
    )
    assert small == large
