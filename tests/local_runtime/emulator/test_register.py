"""What the register promises of any person."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from function import inn
from local_runtime.emulator.form_checks import errors_of
from local_runtime.emulator.register import PEOPLE, Ending, entry_of, key_of, named_people

NAMES = st.text("абвгдеёжзиклмнопрстуфхцчшщыьэюя", min_size=1, max_size=12)
FORMS = st.fixed_dictionaries(
    {
        "fam": NAMES,
        "nam": NAMES,
        "otch": NAMES,
        "bdate": st.dates(date(1910, 1, 1), date(2020, 1, 1)).map(lambda day: day.strftime("%d.%m.%Y")),
        "doctype": st.just("21"),
        "docno": st.from_regex(r"[0-9]{2} [0-9]{2} [0-9]{6}", fullmatch=True),
    }
)


@given(FORMS)
def test_every_person_has_one_ending_and_the_found_a_valid_inn(form: dict[str, str]) -> None:
    entry = entry_of(form)
    assert entry == entry_of(dict(form))
    ruled = {"98": Ending.NOT_FOUND, "99": Ending.AMBIGUOUS}
    assert entry.ending is ruled.get(form["docno"][-2:], Ending.FOUND)
    assert inn.is_valid(entry.inn) == (entry.ending is Ending.FOUND)


@given(FORMS)
def test_spelling_and_document_date_do_not_matter(form: dict[str, str]) -> None:
    respelled = {"fam": f" {form['fam'].upper()}  ", "nam": form["nam"].replace("ё", "е"), "docdt": "01.01.2001"}
    assert entry_of({**form, **respelled}) == entry_of(form)


@given(FORMS, st.sampled_from(["fam", "nam", "otch", "bdate", "docno", "doctype"]))
def test_every_field_matters(form: dict[str, str], field: str) -> None:
    others = {"bdate": "02.03.1904", "docno": "00 00 000000", "doctype": "10"}
    other = {**form, field: others.get(field, form[field] + "я")}
    assert (key_of(other) == key_of(form)) == (other == form)


def test_named_people_are_all_different_and_fill_the_form_rightly() -> None:
    assert {one.id: errors_of(one.form, date(2026, 1, 1)) for one in PEOPLE} == {one.id: {} for one in PEOPLE}
    assert {len(named_people()), len(named_people(yo_differs=True)), len({one.id for one in PEOPLE})} == {len(PEOPLE)}
    assert {person.ending for person in PEOPLE} == set(Ending)
    found = [person.entry.inn for person in PEOPLE if person.ending is not Ending.WRONG_INN and person.entry.inn]
    assert len(set(found)) == len(found)
    assert all(map(inn.is_valid, found))
