"""Starts, steers and ends an emulated tax service: for tests and `inn local`."""

import json
import subprocess
import sys
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import urllib3

from local_runtime.emulator.counts import Stats

STOP_SEC = 10


class WrongControl(ValueError):
    """The emulator refused what it was told; the text says why."""


class Remote:
    """Steers an emulated tax service that runs at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(30), retries=False)

    def stats(self, *, brief: bool = False) -> Stats:
        """What it was asked so far; `brief`: without persons and times."""
        return Stats.model_validate_json(self._call("GET", "/stats?brief" if brief else "/stats"))

    def people(self) -> list[dict[str, Any]]:
        """The named people: id, about, ending, inn, key, request (a lookup's fields), form (the tax service's)."""
        people: list[dict[str, Any]] = json.loads(self._call("GET", "/people"))
        return people

    def control(self, **settings: object) -> dict[str, Any]:
        """Change how it behaves; returns all settings. Raises WrongControl."""
        return self._settings("POST", settings)

    def reset(self) -> None:
        """Back to the start: settings, counts, requestIds."""
        self._call("DELETE", "/control")
        self._call("DELETE", "/stats")

    def close(self) -> None:
        """Close the connections to it."""
        self._http.clear()

    def _settings(self, method: str, settings: dict[str, object]) -> dict[str, Any]:
        now: dict[str, Any] = json.loads(self._call(method, "/control", json.dumps(settings).encode()))
        return now

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        response = self._http.request(method, self.url + path, body=body)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise WrongControl(response.data.decode())
        return response.data


class Emulator(Remote):
    """An emulated tax service in a process of its own, on a free port; a context manager that ends it.

    `arguments`: as of `python -m local_runtime.emulator`.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "local_runtime.emulator", "--with-parent", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # our own
        started = self.process.stdout.readline() if self.process.stdout else b""
        if not started:
            self._end()
            raise RuntimeError("the emulated tax service did not start")
        super().__init__(json.loads(started)["url"])

    def stop(self) -> None:
        """End the process."""
        self.close()
        self._end()

    def _end(self) -> None:
        # Closing its input tells it to leave.
        try:
            self.process.communicate(timeout=STOP_SEC)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
