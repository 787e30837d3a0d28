"""Mistakes in the form: seen by the service, by the tax service; always at the field."""

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.browser.page import Page
from tests.system.local.conftest import LocalRuntime

UNPROCESSABLE = "422 (Unprocessable Entity)"


def test_what_the_service_says_to_a_wrong_request_stands_at_the_fields(page: Page, runtime: LocalRuntime) -> None:
    page.pick("ivanova")
    page.type("lastName", "Иванoва")  # the o is Latin
    page.type("documentSerial", "")
    assert page.ask() == "Rejected"
    assert page.fault("lastName") == "Has Latin letters that look like Cyrillic ones"
    assert page.fault("documentSerial") == "Fill this in"
    assert page.fault("firstName") == ""
    assert page.focused == "lastName"
    assert page.wait(lambda: page.text("status")) == "Check the form: 2 to correct."
    details = page.came_back()["details"]
    assert details.startswith("lastName: has Latin letters")
    assert "documentSerial: is required" in details
    assert page.path() == {"Checks": "refused", "Cache": "unasked", "Tax service": "unasked"}
    assert runtime.tax_service.stats().finds == 0
    page.refused(UNPROCESSABLE)

    page.type("lastName", "Иванова")
    assert page.fault("lastName") == "", "what is typed over is not known to be wrong"
    assert page.fault("documentSerial")
    Select(page.find("documentType")).select_by_value("01")
    assert page.fault("documentSerial") == "", "nor is what hangs on the type"


def test_what_the_tax_service_calls_wrong_stands_at_the_field_in_its_own_words(page: Page) -> None:
    page.pick("rejected")
    assert page.ask() == "Rejected"
    assert page.fault("documentNumber") == "Указан недействительный документ"
    assert page.path() == {"Checks": "passed", "Cache": "missed", "Tax service": "refused"}
    assert "The tax service rejects these fields" in page.text("answer")
    page.find("person").click()
    page.driver.find_element(By.CSS_SELECTOR, ".faults a").click()
    assert page.focused == "documentNumber"
    page.refused(UNPROCESSABLE)


def test_the_hints_follow_the_type_of_document(page: Page) -> None:
    for kind, series, number in (
        ("21", "4 digits", "6 digits"),
        ("01", "As in IV-МЮ", "6 digits"),
        ("10", "If there is one", "Up to 25 characters"),
    ):
        Select(page.find("documentType")).select_by_value(kind)
        assert (page.text("documentSerial-hint"), page.text("documentNumber-hint")) == (series, number)
