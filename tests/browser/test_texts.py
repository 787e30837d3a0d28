"""The page's words and checks keep up with the service's: types, reasons, people, and what is said of a field."""

import re
from datetime import date

import pytest
from selenium.webdriver import Chrome

from function import documents
from function.outcomes import Reason, Rejected
from function.request import parse
from local_runtime.emulator.cases import CASES
from local_runtime.emulator.settings import NORMAL
from tests.browser.page import Page
from tests.system.local.conftest import LocalRuntime

RIGHT = {
    "requestId": "r-1",
    "lastName": "Иванова",
    "firstName": "Анна",
    "middleName": "Петровна",
    "birthDate": "1990-07-15",
    "birthPlace": "",
    "documentType": "21",
    "documentSerial": "4511",
    "documentNumber": "123456",
    "documentDate": "2010-08-20",
}
USSR = {"documentType": "01", "documentSerial": "IV-МЮ"}
FOREIGN = {"documentType": "10", "documentSerial": "", "documentNumber": "CZ1234567"}
REQUESTS: dict[str, dict[str, str]] = {
    "right": {},
    "nothing": dict.fromkeys(RIGHT, "") | {"documentType": "21"},
    "Latin names": {"lastName": "Ivanova", "firstName": "Анна Maria"},
    "a look-alike": {"lastName": "Иванoва"},  # the o is Latin
    "roman numerals": {"middleName": "Петровна IV"},
    "a patronymic that is a dash": {"middleName": "-"},
    "a patronymic of roman numerals only": {"middleName": "IV"},
    "Ukrainian letters": {"lastName": "Іваненко"},
    "digits in names": {"lastName": "Иванова2", "firstName": "..."},
    "long names": {"lastName": "И" * 151, "requestId": "r" * 129, "birthPlace": "х" * 251},
    "names of a dash and an apostrophe": {"lastName": "Иванова-Петрова", "firstName": "О'Анна"},
    "no dates": {"birthDate": "1990-7-15", "documentDate": "20.08.2010"},
    "born too early": {"birthDate": "1909-12-31"},
    "born and issued in the future": {"birthDate": "2999-01-01", "documentDate": "2999-01-02"},
    "issued before birth": {"documentDate": "1990-07-14"},
    "issued on the day of birth": {"documentDate": "1990-07-15"},
    "a passport with spaces": {"documentSerial": "45 11", "documentNumber": "123-456"},
    "a passport without zeros": {"documentSerial": "405", "documentNumber": "1234"},
    "a passport of letters": {"documentSerial": "45АБ", "documentNumber": "12345A"},
    "a passport of too many digits": {"documentSerial": "45111", "documentNumber": "1234567"},
    "a USSR passport": USSR,
    "a USSR passport on a Russian keyboard": {**USSR, "documentSerial": "ХУ - мю"},
    "a USSR passport with typographic dashes": {**USSR, "documentSerial": "xxiv \u2212 мю"},
    "a USSR passport as people write it": {**USSR, "documentSerial": "IVМЮ №"},
    "a USSR passport of no numeral": {**USSR, "documentSerial": "IIV-МЮ"},
    "a USSR passport in digits": {**USSR, "documentSerial": "4511"},
    "a USSR passport without a series": {**USSR, "documentSerial": ""},
    "a foreign passport": FOREIGN,
    "a foreign passport of dashes": {**FOREIGN, "documentSerial": "\u2014", "documentNumber": "C\u20131"},
    "a foreign passport of dashes only": {**FOREIGN, "documentNumber": "- /"},
    "a foreign passport of signs": {**FOREIGN, "documentNumber": "CZ#1"},
    "a foreign passport too long": {**FOREIGN, "documentNumber": "C" * 26},
    "a foreign passport too long with its series": {**FOREIGN, "documentSerial": "C" * 12, "documentNumber": "C" * 13},
    "a foreign passport without a number": {**FOREIGN, "documentNumber": ""},
    "a passport of zeros": {"documentSerial": "0000", "documentNumber": "000000"},
    "a type that is none": {"documentType": "99"},
}


def said(request: dict[str, str]) -> dict[str, str]:
    """What the service says of a request, by field."""
    outcome = parse({name: value for name, value in request.items() if value or name == "requestId"}, date.today())  # noqa: DTZ011  # as the browser
    return {error.field: error.message for error in outcome.errors} if isinstance(outcome, Rejected) else {}


@pytest.fixture(scope="module")
def words(driver: Chrome, shared_runtime: LocalRuntime) -> dict[str, dict[str, list[str]]]:
    page = Page(driver, shared_runtime.url)
    page.open()
    tables: dict[str, dict[str, list[str]]] = page.run("return import('/playground/texts.js')")
    return tables


def test_every_word_is_there_in_both_languages_with_the_same_gaps(words: dict[str, dict[str, list[str]]]) -> None:
    assert set(words) == {"TEXTS", "DOCUMENTS", "PEOPLE", "REASONS", "FAULTS", "SCENARIOS", "SCENARIO_NOTES"}
    for table in words.values():
        for key, (english, russian) in table.items():
            assert all((english, russian)), key
            assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", russian)), key


def test_types_reasons_people_and_scenarios_have_words(
    words: dict[str, dict[str, list[str]]], shared_runtime: LocalRuntime
) -> None:
    assert set(words["DOCUMENTS"]) == set(documents.TYPES)
    assert set(words["REASONS"]) == {reason.value for reason in Reason} - {Reason.NOT_CACHED.value}
    assert set(words["PEOPLE"]) == {person["id"] for person in shared_runtime.tax_service.people()}
    assert words["SCENARIOS"].keys() == words["SCENARIO_NOTES"].keys()
    assert set(words["SCENARIOS"]) <= {NORMAL, *CASES}


def test_whatever_the_service_says_of_a_field_has_words(words: dict[str, dict[str, list[str]]]) -> None:
    messages = {message for changes in REQUESTS.values() for message in said({**RIGHT, **changes}).values()}
    assert messages <= set(words["FAULTS"])
    # Nobody can type what is no string into a form.
    assert set(words["FAULTS"]) - messages == {"must be a string"}


def test_the_page_finds_no_fault_that_the_service_would_not(page: Page) -> None:
    check = "const [fields] = arguments; return import('/playground/checks.js').then(m => [...m.faultsOf(fields)])"
    missed = {}
    for name, changes in REQUESTS.items():
        request = {**RIGHT, **changes}
        if request["documentType"] not in documents.TYPES:
            continue
        found = dict(page.run(check, request))
        service = said(request)
        assert found.items() <= service.items(), name
        if service.keys() - found.keys():
            missed[name] = service.keys() - found.keys()
    assert missed == {
        "a passport of zeros": {"documentSerial", "documentNumber"},
        "a foreign passport too long with its series": {"documentNumber"},
    }
