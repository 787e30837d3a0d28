"""One browser and one local runtime for all of these tests; each gets a fresh page."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import urllib3
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browser.page import Page
from tests.servers.process import wait_for
from tests.servers.programs import CHROMEDRIVER, CHROMIUM
from tests.system.local.conftest import AT_ONCE, LocalRuntime, ended

SETTINGS = {"CLIENT_NALOG_COOLDOWN_SEC": "5", "CACHE_FOUND_DAYS": "1"}
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


@pytest.fixture(scope="package")
def start_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LocalRuntime]]:
    with ExitStack() as stack:

        def start(**settings: str) -> LocalRuntime:
            runtime = LocalRuntime(tmp_path_factory.mktemp("runtime"), **settings)
            return stack.enter_context(ended(runtime, signal.SIGTERM))

        yield start


@pytest.fixture(scope="package")
def shared_runtime(start_runtime: Callable[..., LocalRuntime]) -> LocalRuntime:
    return start_runtime(**SETTINGS)


@pytest.fixture
def runtime(shared_runtime: LocalRuntime) -> Iterator[LocalRuntime]:
    """The shared one in its initial state, but without latency, and with every provider available."""
    shared_runtime.tax_service.control(**AT_ONCE)
    yield shared_runtime
    shared_runtime.tax_service.reset()
    switch(shared_runtime, paid=False)
    wait_for(
        lambda: switch(shared_runtime)["providers"][0]["closed"] != "cooling_down",
        within=60,
        what="the end of the cool-down",
    )


def switch(runtime: LocalRuntime, **wanted: object) -> dict[str, Any]:
    """Set the page's controls without the page. Returns the state afterwards."""
    state: dict[str, Any] = urllib3.request("POST", f"{runtime.url}/playground/state", json=wanted).json()
    return state


@pytest.fixture(scope="package")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A real Chromium without a window, with a new empty profile. What its console says is kept."""
    os.environ["SE_OFFLINE"] = "true"  # Selenium would fetch a driver of its own
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM.path())
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(str(CHROMEDRIVER.path()))) as running:
        yield running


@pytest.fixture
def page(driver: Chrome, runtime: LocalRuntime) -> Iterator[Page]:
    """The playground in English, in light, on a desktop. Nothing that the test did not expect is in its console."""
    page = Page(driver, runtime.url)
    page.open()
    yield page
    assert page.console() == []
