"""The page's words keep up with the service's: types, reasons, people, and what is said of a field."""

import re
from datetime import UTC, datetime

import pytest
from selenium.webdriver import Chrome

from function import documents
from function.outcomes import Reason, Rejected
from function.request import parse
from local_runtime.emulator.control_settings import NORMAL
from local_runtime.emulator.scenarios import CASES
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
WRONG: tuple[dict[str, str], ...] = (
    dict.fromkeys(RIGHT, ""),
    {"lastName": "Ivanova", "firstName": "Иванoва", "middleName": "Іванівна"},  # the o is Latin
    {"lastName": "Иванова2", "firstName": "...", "birthDate": "1990-7-15", "documentType": "99"},
    {"lastName": "И" * 151, "requestId": "r" * 129, "birthPlace": "х" * 251, "birthDate": "1909-12-31"},
    {"birthDate": "2999-01-01", "documentSerial": "45АБ", "documentNumber": "12345A"},
    {"documentType": "01", "documentSerial": "4511"},
    {"documentType": "10", "documentSerial": "", "documentNumber": "- /"},
    {"documentType": "10", "documentSerial": "", "documentNumber": "CZ#1"},
    {"documentType": "10", "documentSerial": "", "documentNumber": "C" * 26},
    {"documentType": "10", "documentSerial": "C" * 12, "documentNumber": "C" * 13},
)
"""Requests in which the service finds every fault that can be typed."""


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
    outcomes = [parse({**RIGHT, **wrong}, datetime.now(UTC).date()) for wrong in WRONG]
    messages = {error.message for outcome in outcomes if isinstance(outcome, Rejected) for error in outcome.errors}
    # Nobody can type what is no string into a form.
    assert messages == words["FAULTS"].keys() - {"must be a string"}
