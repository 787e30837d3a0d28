"""Everybody can use the page: by keyboard, by screen reader, on a phone, in light and dark, in Russian and English."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import ActionChains, Keys

from tests.browser.page import DESKTOP, PHONE, Page
from tests.system.local.conftest import LocalRuntime

UNAVAILABLE = "503 (Service Unavailable)"
FOCUS = """
const at = document.activeElement;
const {outlineStyle, outlineWidth} = getComputedStyle(at);
return [at.id || at.dataset.language || at.getAttribute("href") || at.className || at.tagName,
        outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
"""


def states(page: Page) -> Iterator[str]:
    """Leads the page through its states."""
    yield "idle"
    page.type("lastName", "Ivanova")
    page.type("documentNumber", "")
    page.ask()
    assert page.fault("lastName")
    page.refused("422 (Unprocessable Entity)")
    yield "form errors"
    for person, state in (("ivanova", "found"), ("unavailable", "not now")):
        page.pick(person)
        page.ask()
        yield state


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(("theme", "language"), [("light", "ru"), ("dark", "en")])
def test_axe_finds_nothing_in_any_state_of_the_page_and_none_scrolls_sideways(
    page: Page, size: tuple[int, int], theme: str, language: str
) -> None:
    page.open(size, theme)
    page.speak(language)
    found = {state: (page.violations(), max(page.overhang(), 0)) for state in states(page)}
    assert found == dict.fromkeys(found, ([], 0))
    page.refused(UNAVAILABLE)


def test_all_of_it_can_be_done_by_keyboard_with_the_focus_in_sight(page: Page, runtime: LocalRuntime) -> None:
    def press(*keys: str) -> None:
        ActionChains(page.driver).send_keys(*keys).perform()

    def tab_to(name: str) -> list[str]:
        """Press Tab until it is there; where the focus has been on the way."""
        been: list[str] = []
        while not been or been[-1] != name:
            press(Keys.TAB)
            at, in_sight = page.run(FOCUS)
            assert in_sight, f"the focus on {at} can't be seen"
            assert len(been) < 60, f"{name} is not reached: {been}"
            been.append(at)
        return list(dict.fromkeys(been))

    press(Keys.TAB, Keys.ENTER, Keys.TAB)
    assert page.focused == "lastName", "where the skip link leads"
    page.load()
    assert tab_to("person") == ["skip", "ru", "en", "person"] or page.focused == "person"
    press("Ли")
    assert page.run("return document.getElementById('lastName').value") == "Ли"
    assert tab_to("ask") == [
        "random-person", "lastName", "firstName", "middleName", "birthDate", "birthPlace", "documentType",
        "documentSerial", "documentNumber", "documentDate", "requestId", "mode", "ask",
    ]  # fmt: skip
    press(Keys.ENTER)
    page.wait(lambda: page.text("inn") == "770000000220")
    tab_to("scenario")
    press(Keys.ARROW_DOWN)
    page.wait(lambda: runtime.tax_service.control()["scenario"] == "slow")
    tab_to("paid")
    press(Keys.SPACE)
    page.wait(lambda: page.run("return document.getElementById('paid').checked"))
    assert tab_to("/metrics") == ["copy-curl", "sent", "came-back", "/readyz", "/livez", "/metrics"]


@pytest.mark.parametrize(
    ("preferred", "language", "title"), [("ru-RU", "ru", "Узнать ИНН человека"), ("de-DE", "en", "Find a person’s INN")]
)
def test_the_first_language_is_the_browsers_if_the_page_speaks_it(
    page: Page, preferred: str, language: str, title: str
) -> None:
    page.open(language=preferred)
    assert page.run("return document.documentElement.lang") == language
    assert page.run("return document.querySelector('h1').textContent") == title


def test_a_chosen_language_is_spoken_at_once_everywhere_and_remembered(page: Page) -> None:
    page.pick("ivanova")
    page.ask()
    page.speak("ru")
    assert page.text("badge") == "Найден"
    assert page.driver.title.startswith("Песочница")
    page.load()
    assert page.run("return document.documentElement.lang") == "ru"
    assert page.text("ask") == "Узнать ИНН"
