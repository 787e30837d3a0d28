"""The playground as a person uses it: what can be done on the page, and what can be seen there."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

BOUND_SEC = 60
DESKTOP = (1280, 900)
PHONE = (360, 740)
REFUSED = "Failed to load resource: the server responded with a status of"  # in the console, for every error reply
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Seen = TypeVar("Seen")


class Page:
    """One tab on the playground at `url`."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self.width = 0

    def open(self, size: tuple[int, int] = DESKTOP, theme: str = "light", language: str = "en-US") -> None:
        """Load it as for the first time, and wait until it knows the runtime's state."""
        width, height = size
        self.width = width
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        preferred = {"userAgent": self.run("return navigator.userAgent"), "acceptLanguage": language}
        self.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", preferred)
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "all"})
        self.console()
        self.load()

    def load(self) -> None:
        """Load it once more."""
        self.driver.get(self.url)
        self.wait(lambda: self.count("searches") is not None)

    def wait(self, seen: Callable[[], Seen]) -> Seen:
        """What is seen once there is something."""
        return WebDriverWait(self.driver, BOUND_SEC, poll_frequency=0.05).until(lambda _: seen())

    def find(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        """The text of an element as it is shown; "" while there is none."""
        found = self.driver.find_elements(By.ID, name)
        return str(self.run("return arguments[0]?.innerText ?? ''", found[0])) if found else ""

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def pick(self, person: str) -> None:
        """Choose an invented person."""
        Select(self.find("person")).select_by_value(person)

    def type(self, name: str, text: str) -> None:
        """Type into a field, over what stands there, and leave it."""
        field = self.find(name)
        field.clear()
        field.send_keys(text + Keys.TAB)

    def form(self, names: list[str]) -> dict[str, str]:
        """What stands in these fields."""
        values: dict[str, str] = self.run(
            "return Object.fromEntries(arguments[0].map(name => [name, document.getElementById(name).value]))", names
        )
        return values

    def click(self, name: str) -> None:
        self.find(name).click()

    def scenario(self, name: str) -> None:
        """Choose a scenario, and wait until the emulator has it."""
        Select(self.find("scenario")).select_by_value(name)
        state = "return fetch('/playground/state').then(r => r.json()).then(s => s.scenario)"
        self.wait(lambda: self.run(state) == name)

    def speak(self, language: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, f"[data-language={language}]").click()

    def ask(self, button: str = "ask") -> str:
        """Press the button, and wait for how it ends: the badge's text."""
        self.run("document.getElementById('badge')?.remove()")
        self.click(button)
        return self.wait(lambda: self.text("badge"))

    def count(self, name: str) -> int | None:
        """One of the counts of what the emulator was asked; None while it is not known."""
        number = self.text(f"count-{name}").split()[-1]
        return int(number) if number.isdigit() else None

    def path(self) -> dict[str, str]:
        """Each step that the answer shows, and its state."""
        steps = self.driver.find_elements(By.CSS_SELECTOR, ".path li")
        return {step.find_element(By.TAG_NAME, "b").text: step.get_attribute("data-state") or "" for step in steps}

    def sent(self) -> dict[str, Any]:
        """The body of the event that was sent."""
        return _body(self.text("sent"))

    def came_back(self) -> dict[str, Any]:
        """The body of the event that came back."""
        return _body(self.text("came-back"))

    def fault(self, field: str) -> str:
        """What stands at a field; the field says that it is wrong exactly where something does."""
        fault = self.text(f"{field}-fault")
        assert self.find(field).get_attribute("aria-invalid") == str(bool(fault)).lower()
        return fault

    @property
    def focused(self) -> str:
        return str(self.run("return document.activeElement.id"))

    def console(self) -> list[str]:
        """What the console has said since this was last called."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]  # as selenium left it

    def refused(self, reply: str) -> None:
        """The console has said that there was this reply, which is no success, and nothing else."""
        assert self.console() == [f"{self.url}/ - {REFUSED} {reply}"]

    def violations(self) -> list[str]:
        """What axe-core, as a package of requirements/axe.lock carries it, finds, in one line each."""
        if not self.run("return 'axe' in window"):
            self.run(files("axe_playwright_python").joinpath("axe.min.js").read_text())
        run = "return axe.run(document, {runOnly: arguments[0], rules: {'target-size': {enabled: true}}})"
        found = self.run(run, AXE_TAGS)["violations"]
        return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]

    def overhang(self) -> int:
        """Pixels by which the page is wider than what it was opened on; below 0 where there is a scroll bar."""
        # A phone widens its window to what does not fit.
        return int(self.run("return document.documentElement.scrollWidth")) - self.width


def _body(message: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(message.partition("\n\n")[2])
    return body
