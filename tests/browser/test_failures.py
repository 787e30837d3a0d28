"""When the tax service gives no answer: the reason, the time to wait, and what to do."""

import signal
from collections.abc import Callable

from selenium.webdriver import Chrome

from tests.browser.page import Page
from tests.system.local.conftest import LocalRuntime

UNAVAILABLE = "503 (Service Unavailable)"
COOLING = "The tax service refused the request. It is not asked during its cool-down."


def test_a_captcha_starts_a_cool_down_after_which_the_same_request_is_answered(page: Page) -> None:
    page.scenario("captcha")
    page.click("random-person")
    assert page.ask() == "Not now"
    # First what the end of the cool-down, five seconds later, changes.
    assert page.wait(lambda: page.text("status")).startswith(f"Not now: {COOLING}")
    assert page.text("countdown").startswith("Ask again in ")
    page.wait(lambda: "cool-down" in page.text("availability"))
    assert "not asked during its cool-down" in page.text("answer")
    assert page.path() == {"Checks": "passed", "Cache": "missed", "Tax service": "noAnswer"}
    assert page.wait(lambda: page.count("captchas")) == 1
    asked = page.text("sent")
    page.refused(UNAVAILABLE)

    page.wait(lambda: page.text("still"))
    page.click("set-normal")
    page.wait(lambda: not page.text("still"))
    page.wait(lambda: page.text("countdown") == "You can ask again now.")
    assert page.wait(lambda: page.text("status") == "You can ask again now.")
    page.wait(lambda: page.text("availability") == "available")
    assert page.ask("ask-again") == "Found"
    assert page.path() == {"Checks": "passed", "Cache": "missed", "Tax service": "answered"}
    assert page.text("sent") == asked


def test_a_runtime_wants_a_token_gives_reasons_and_times_to_wait_and_has_ended(
    start_runtime: Callable[..., LocalRuntime], driver: Chrome
) -> None:
    runtime = start_runtime(HTTP_TOKENS="not-for-everybody", CLIENT_NALOG_RETRIES="0")
    page = Page(driver, runtime.url)
    page.open()
    assert not page.find("token").is_displayed()
    assert page.ask() == "Error"
    page.refused("401 (Unauthorized)")
    assert page.focused == "token"
    page.type("token", "not-for-everybody")
    assert page.ask() == "Found"
    assert "not-for-everybody" not in page.text("sent")
    assert page.console() == []

    page.pick("lee")
    for scenario, reason, seconds in (("down", "The tax service does not answer.", 5), ("throttled", COOLING, 30)):
        page.scenario(scenario)
        assert page.ask() == "Not now"
        assert reason in page.text("answer")
        assert f"\nretry-after: {seconds}\n" in page.text("came-back")
        page.refused(UNAVAILABLE)

    runtime.end(signal.SIGTERM)
    assert page.ask() == "Error"
    assert "Is it still running?" in page.text("answer")
    page.wait(lambda: page.text("availability") == "no connection")
    page.driver.get("about:blank")
    page.console()
