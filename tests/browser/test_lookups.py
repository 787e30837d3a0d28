"""A lookup on the page, from the form to the answer: what it tells, where it came from, and what went over the wire."""

import pytest
from selenium.webdriver.support.ui import Select

from tests.browser.conftest import switch
from tests.browser.page import Page
from tests.system.local.conftest import LocalRuntime

ASKED = {"Checks": "passed", "Cache": "missed", "Tax service": "answered"}
CACHED = {"Checks": "passed", "Cache": "answered", "Tax service": "unasked"}


def test_the_first_answer_comes_from_the_tax_service_and_the_second_from_the_cache(
    page: Page, runtime: LocalRuntime
) -> None:
    runtime.tax_service.control(latency=0.5)
    page.pick("petrov")
    for path, unit in ((ASKED, "s"), (CACHED, "ms")):
        assert page.ask() == "Found"
        assert page.text("inn") == "770000000300"
        assert page.path() == path
        assert page.text("elapsed").endswith(f" {unit}")
        assert page.wait(lambda: page.count("searches")) == 1
    assert page.wait(lambda: page.text("status")).startswith("Found: INN 770000000300, from the cache, in ")
    assert runtime.tax_service.stats().finds == 1


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_the_events_are_shown_as_they_went_over_the_wire(page: Page, mode: str) -> None:
    page.pick("ivanova")
    Select(page.find("mode")).select_by_value(mode)
    page.ask()
    sent, came_back = page.text("sent"), page.text("came-back")
    assert "inn.lookup.requested" in sent
    assert "inn.lookup.completed" in came_back
    assert came_back.startswith("HTTP/1.1 200\n")
    request, reply = page.sent(), page.came_back()
    if mode == "structured":
        assert reply["correlationid"] == request["id"]
        request, reply = request["data"], reply["data"]
    assert request == {
        "requestId": reply["requestId"],
        "lastName": "Иванова",
        "firstName": "Анна",
        "middleName": "Петровна",
        "birthDate": "1990-07-15",
        "documentType": "21",
        "documentSerial": "4511",
        "documentNumber": "123456",
        "documentDate": "2010-08-20",
    }
    assert (reply["status"], reply["inn"]) == ("found", "770000000082")


def test_an_answer_without_an_inn_says_so_and_a_random_person_is_not_in_the_cache(page: Page) -> None:
    for person, badge in (("nobody", "Not found"), ("namesake", "Ambiguous"), ("", "Found"), ("", "Found")):
        if person:
            page.pick(person)
        else:
            page.click("random-person")
        assert page.ask() == badge
        assert bool(page.text("inn")) == (badge == "Found")
        assert page.path() == ASKED


def test_every_invented_person_can_be_picked(page: Page, runtime: LocalRuntime) -> None:
    people = {person["id"]: person["request"] for person in runtime.tax_service.people()}
    offered = [option.get_attribute("value") for option in Select(page.find("person")).options]
    assert offered == ["", *people]
    for person, fields in people.items():
        page.pick(person)
        assert page.form(list(fields)) == fields


def test_while_the_tax_service_is_in_cool_down_the_paid_provider_answers_and_the_page_says_so(
    page: Page, runtime: LocalRuntime
) -> None:
    page.click("paid")
    page.wait(lambda: switch(runtime)["paid"])
    page.scenario("captcha")
    page.click("random-person")
    assert page.ask() == "Found"
    assert page.path() == {
        "Checks": "passed",
        "Cache": "missed",
        "Tax service": "noAnswer",
        "Paid provider": "answered",
    }
    assert page.wait(lambda: page.text("status")).startswith(f"Found: INN {page.text('inn')}, from the paid provider")
    assert page.wait(lambda: page.count("paidLookups")) == 1
    assert page.came_back()["cached"] is False
