"""Starts and ends the process of an emulated tax service, and controls it over HTTP: for tests and `inn local`."""

import json
import select
import subprocess
import sys
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import urllib3

from function.request import LookupRequest
from local_runtime.emulator.counts import Stats
from local_runtime.emulator.register import PersonEntry, entry_of

START_SEC = 60
STOP_SEC = 10
CALLERS = 8
"""Concurrent threads whose connections are kept open."""


def entry_for(request: LookupRequest) -> PersonEntry:
    """The register's entry for a request's person: the key at `/stats`, the ending, the INN."""
    serial, number = request.document_serial, request.document_number
    form = {
        "fam": request.last_name,
        "nam": request.first_name,
        "otch": request.middle_name,
        "bdate": request.birth_date.strftime("%d.%m.%Y"),
        "doctype": request.document_type,
        "docno": f"{serial} {number}",
    }
    return entry_of(form)


class WrongEmulatorSettings(ValueError):
    """The emulator refused the settings; the text says why."""


class EmulatorFailed(RuntimeError):
    """The emulator's process did not start; stderr says why."""


class EmulatorControl:
    """Controls an emulated tax service that runs at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(maxsize=CALLERS, timeout=urllib3.Timeout(30), retries=False)

    def stats(self, *, brief: bool = False) -> Stats:
        """The counts of requests; `brief`: without persons and times."""
        return Stats.model_validate_json(self._call("GET", "/stats?brief" if brief else "/stats"))

    def asked(self, request: LookupRequest) -> int:
        """How often this person was searched for."""
        return self.stats().of(entry_for(request).key)

    def people(self) -> list[dict[str, Any]]:
        """The named people: id, about, ending, inn, key, request (a lookup's fields), form (the tax service's)."""
        people: list[dict[str, Any]] = json.loads(self._call("GET", "/people"))
        return people

    def control(self, **settings: object) -> dict[str, Any]:
        """Change settings (README.md), if any are given; returns all settings. Raises WrongEmulatorSettings."""
        body = json.dumps(settings).encode() if settings else None
        now: dict[str, Any] = json.loads(self._call("POST" if settings else "GET", "/control", body))
        return now

    def reset(self) -> None:
        """Reset settings, counts and requestIds."""
        self._call("DELETE", "/control")
        self._call("DELETE", "/stats")

    def close(self) -> None:
        """Close the connections to it."""
        self._http.clear()

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        response = self._http.request(method, self.url + path, body=body)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise WrongEmulatorSettings(response.data.decode())
        return response.data


class Emulator(EmulatorControl, AbstractContextManager["Emulator"]):
    """An emulated tax service in a process of its own, on a free port; a context manager that ends it.

    `arguments`: as of `python -m local_runtime.emulator`. It ends when this process dies. Raises EmulatorFailed.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "local_runtime.emulator", "--with-parent", *arguments]
        # In a session of its own: Ctrl-C ends this process, which ends the emulator after the last answer.
        self.process = subprocess.Popen(  # noqa: S603  # our own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        started = self._first_line()
        if not started:
            self._end()
            raise EmulatorFailed("the emulated tax service did not start")
        super().__init__(json.loads(started)["url"])

    def stop(self) -> None:
        """End the process."""
        self.close()
        self._end()

    def _first_line(self) -> bytes:
        output = self.process.stdout
        if output is None or not select.select([output], [], [], START_SEC)[0]:
            return b""
        return output.readline()

    def _end(self) -> None:
        # It ends when its input is closed.
        try:
            self.process.communicate(timeout=STOP_SEC)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def __exit__(self, *_: object) -> None:
        self.stop()
