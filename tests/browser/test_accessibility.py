"""Everybody can use the page: by keyboard, by screen reader, on a phone, in light and dark, in Russian and English."""

from collections.abc import Callable

import pytest
from selenium.webdriver import ActionChains, Keys

from tests.browser.page import PHONE, Page
from tests.system.local.conftest import LocalRuntime

UNAVAILABLE = "503 (Service Unavailable)"
FOCUS = """
const at = document.activeElement;
const {outlineStyle, outlineWidth} = getComputedStyle(at);
return [at.id || at.dataset.language || at.getAttribute("href") || at.className || at.tagName,
        outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
"""


def page_states(page: Page) -> list[tuple[str, Callable[[], object]]]:
    """The page's states, and how each is reached from the one before."""

    def with_form_errors() -> None:
        page.type("lastName", "Ivanova")
        page.type("documentNumber", "")
        page.click("ask")
        assert page.fault("lastName")

    def asked(person: str) -> Callable[[], object]:
        def ask() -> None:
            page.pick(person)
            page.ask()

        return ask

    return [
        ("idle", lambda: None),
        ("form errors", with_form_errors),
        ("found", asked("ivanova")),
        ("not now", asked("unavailable")),
    ]


@pytest.mark.parametrize(("theme", "language"), [("light", "ru"), ("dark", "en")])
def test_axe_finds_nothing_in_any_state_of_the_page(page: Page, theme: str, language: str) -> None:
    page.open(theme=theme)
    page.speak(language)
    found = {}
    for name, reach in page_states(page):
        reach()
        found[name] = page.violations()
    assert not any(found.values()), found
    page.refused(UNAVAILABLE)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page, language: str) -> None:
    page.open(size=PHONE)
    page.speak(language)
    for name, reach in page_states(page):
        reach()
        assert page.overhang() == 0, name
    assert page.violations() == []
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
    ("preferred", "language", "title"),
    [
        pytest.param("ru-RU", "ru", "Узнать ИНН человека", id="Russian"),
        pytest.param("de-DE", "en", "Find a person’s INN", id="neither"),
    ],
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
