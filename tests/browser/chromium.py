"""A real Chromium without a window, and its driver."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.servers.programs import CHROMEDRIVER, CHROMIUM

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


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """A browser with a new empty profile. What its console says is kept."""
    # Selenium would fetch a driver of its own.
    os.environ["SE_OFFLINE"] = "true"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM.path())
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        running = webdriver.Chrome(options, Service(str(CHROMEDRIVER.path())))
        try:
            yield running
        finally:
            running.quit()
