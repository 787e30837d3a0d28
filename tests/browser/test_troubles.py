"""When the tax service is not in the mood: the reason, the time to wait, and the way back."""

import signal
from collections.abc import Callable

from selenium.webdriver import Chrome

from tests.browser.page import Page
from tests.system.local.conftest import LocalRuntime

UNAVAILABLE = "503 (Service Unavailable)"


def test_a_captcha_shuts_the_tax_service_and_after_its_rest_the_same_question_is_answered(page: Page) -> None:
    page.mood("captcha")
    page.click("somebody")
    assert page.ask() == "Not now"
    assert "left alone for a while" in page.text("answer")
    assert page.wait(lambda: page.text("status")).startswith(
        "Not now: The tax service turned the request away and is left alone for a while."
    )
    assert page.path() == {"Checks": "passed", "Cache": "missed", "Tax service": "noAnswer"}
    assert page.wait(lambda: page.count("captchas")) == 1
    assert page.text("countdown").startswith("Ask again in ")
    page.wait(lambda: "resting" in page.text("door"))
    asked = page.text("sent")
    page.refused(UNAVAILABLE)

    page.wait(lambda: page.text("mood-still"))
    page.click("calm")
    page.wait(lambda: not page.text("mood-still"))
    page.wait(lambda: page.text("countdown") == "It can be asked again now.")
    assert page.wait(lambda: page.text("status") == "It can be asked again now.")
    page.wait(lambda: page.text("door") == "open")
    assert page.ask("ask-again") == "Found"
    assert page.path() == {"Checks": "passed", "Cache": "missed", "Tax service": "answered"}
    assert page.text("sent") == asked


def test_other_moods_are_told_with_their_reasons_and_their_retry_after(
    start_runtime: Callable[..., LocalRuntime], driver: Chrome
) -> None:
    page = Page(driver, start_runtime(CLIENT_NALOG_RETRIES="0").url)
    page.open()
    for mood, reason, seconds in (
        ("down", "The tax service does not answer.", 5),
        ("throttled", "The tax service turned the request away and is left alone for a while.", 30),
    ):
        page.mood(mood)
        assert page.ask() == "Not now"
        assert reason in page.text("answer")
        assert f"\nretry-after: {seconds}\n" in page.text("came-back")
        page.refused(UNAVAILABLE)


def test_a_runtime_that_wants_a_token_is_given_one(start_runtime: Callable[..., LocalRuntime], driver: Chrome) -> None:
    page = Page(driver, start_runtime(HTTP_TOKENS="not-for-everybody").url)
    page.open()
    assert not page.find("token").is_displayed()
    assert page.ask() == "Went wrong"
    page.refused("401 (Unauthorized)")
    assert page.focused == "token"
    page.type("token", "not-for-everybody")
    assert page.ask() == "Found"
    assert "not-for-everybody" not in page.text("sent")
    assert page.console() == []


def test_a_runtime_that_has_ended_is_said_to_have(start_runtime: Callable[..., LocalRuntime], driver: Chrome) -> None:
    runtime = start_runtime()
    page = Page(driver, runtime.url)
    page.open()
    runtime.end(signal.SIGTERM)
    assert page.ask() == "Went wrong"
    assert "Is it still running?" in page.text("answer")
    page.wait(lambda: page.text("door") == "no connection")
    page.driver.get("about:blank")
    page.console()
