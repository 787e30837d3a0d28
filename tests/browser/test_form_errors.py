"""Mistakes in the form: seen by the page, by the service, by the tax service; always at the field."""

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.browser.page import Page
from tests.system.local.conftest import LocalRuntime

UNPROCESSABLE = "422 (Unprocessable Entity)"


def test_a_mistake_is_named_at_its_field_which_gets_the_focus_and_nothing_is_sent(
    page: Page, runtime: LocalRuntime
) -> None:
    page.pick("ivanova")
    page.type("firstName", "Anna")
    page.type("documentNumber", "12345A")
    page.click("ask")
    assert page.fault("firstName") == "Write it in Cyrillic, as in the document"
    assert page.fault("documentNumber") == "The number has 6 digits"
    assert page.fault("lastName") == ""
    assert page.focused == "firstName"
    assert page.wait(lambda: page.text("status")) == "Check the form: 2 to correct."
    assert page.text("came-back") == "The reply will be shown here."
    assert runtime.tax_service.stats().finds == 0


def test_a_field_is_looked_at_when_it_is_left_and_is_right_again_as_soon_as_it_or_what_it_hangs_on_is(
    page: Page,
) -> None:
    page.pick("ivanova")
    page.type("lastName", "Ivanova")
    assert page.fault("lastName")
    page.find("lastName").clear()
    page.find("lastName").send_keys("Иванова")
    assert page.fault("lastName") == ""

    page.type("requestId", "")
    page.type("documentNumber", "")
    page.click("ask")
    assert page.focused == "documentNumber", "the first wrong field is the first on the page"

    page.pick("ivanova")
    page.type("requestId", "r-1")
    kind = Select(page.find("documentType"))
    kind.select_by_value("01")
    page.click("ask")
    assert page.fault("documentSerial") == "A roman numeral and two Cyrillic letters, as in IV-МЮ"
    assert page.find("anyway").is_displayed()
    kind.select_by_value("21")
    assert page.fault("documentSerial") == ""
    assert not page.find("anyway").is_displayed()


def test_what_the_service_says_to_a_wrong_request_stands_at_the_fields(page: Page, runtime: LocalRuntime) -> None:
    page.pick("ivanova")
    page.type("lastName", "Иванoва")  # the o is Latin
    page.type("documentSerial", "")
    page.click("ask")
    assert page.ask("anyway") == "Rejected"
    assert page.fault("lastName") == "Has Latin letters that look like Cyrillic ones"
    assert page.fault("documentSerial") == "Fill this in"
    assert page.focused == "lastName"
    details = page.came_back()["details"]
    assert details.startswith("lastName: has Latin letters")
    assert "documentSerial: is required" in details
    assert page.path() == {"Checks": "refused", "Cache": "unasked", "Tax service": "unasked"}
    assert runtime.tax_service.stats().finds == 0
    page.refused(UNPROCESSABLE)

    # What only the service can see.
    page.pick("ivanova")
    page.type("documentNumber", "000000")
    assert page.ask() == "Rejected"
    assert page.fault("documentNumber") == "The number has 6 digits"
    assert page.focused == "documentNumber"
    page.refused(UNPROCESSABLE)


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
