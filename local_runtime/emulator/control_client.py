"""A client of a running emulator: its counts, people and settings, for tests and `inn local`."""

from http import HTTPStatus
from typing import Any

import urllib3

from local_runtime.emulator.stats import Stats

CALLERS = 8  # concurrent threads whose connections are kept open


class WrongEmulatorSettings(ValueError):
    """The emulator refused the settings; the text says why."""


class EmulatorControl:
    """Controls an emulated tax service that runs at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(maxsize=CALLERS, timeout=urllib3.Timeout(30), retries=False)

    def stats(self, *, brief: bool = False) -> Stats:
        """The counts of requests; `brief`: without persons."""
        return Stats.model_validate(self._call("GET", "/stats?brief" if brief else "/stats"))

    def people(self) -> list[dict[str, Any]]:
        """The named people: id, about, ending, inn, key, request (a lookup's fields), form (the tax service's)."""
        people: list[dict[str, Any]] = self._call("GET", "/people")
        return people

    def control(self, **settings: object) -> dict[str, Any]:
        """Change settings (README.md), if any are given; returns all settings. Raises WrongEmulatorSettings."""
        now: dict[str, Any] = self._call("POST" if settings else "GET", "/control", settings or None)
        return now

    def reset(self) -> None:
        """Reset settings, counts and requestIds."""
        self._call("DELETE", "/control")
        self._call("DELETE", "/stats")

    def close(self) -> None:
        """Close the connections to it."""
        self._http.clear()

    def _call(self, method: str, path: str, body: object = None) -> Any:
        response = self._http.request(method, self.url + path, json=body)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise WrongEmulatorSettings(response.data.decode())
        return response.json()
