"""A real Chromium without a window, and its driver: from a variable, PATH, or Debian's packages as root."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.servers import debian
from tests.servers.process import ServerFailed

VARIABLES = {
    "INN_TEST_CHROMIUM": ("chromium", "chromium-browser", "google-chrome"),
    "INN_TEST_CHROMEDRIVER": ("chromedriver",),
}
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-US",
)


@cache
def programs() -> tuple[str, str]:
    """The browser and its driver. Raises ServerFailed, saying what to install."""
    found = [_found(variable) for variable in VARIABLES]
    if not all(found):
        debian.install("chromium", "chromium-driver")
        found = [_found(variable) for variable in VARIABLES]
    browser, driver = found
    if browser is None or driver is None:
        raise ServerFailed(
            "Chromium and its driver are needed: install both (apt-get install chromium chromium-driver), so that"
            f" they are on PATH, or name them in {' and '.join(VARIABLES)}"
        )
    return browser, driver


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """A browser with a new empty profile. What its console says is kept."""
    program, driver = programs()
    # Selenium would fetch a driver of its own.
    os.environ["SE_OFFLINE"] = "true"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        running = webdriver.Chrome(options, Service(driver))
        try:
            yield running
        finally:
            running.quit()


def _found(variable: str) -> str | None:
    if named := os.environ.get(variable):
        return named
    return next(filter(None, map(shutil.which, VARIABLES[variable])), None)
