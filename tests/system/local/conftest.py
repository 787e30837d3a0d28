"""The local runtime as a user starts it: a process of its own, in an empty folder."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local_runtime.emulator.client import EmulatorControl

AT_ONCE = {"latency": 0, "pending": 0}
"""How the emulated tax service answers where nobody has to watch it."""
STOP_SEC = 30
COMMAND = (str(Path(sys.executable).with_name("inn")), "local")


class LocalRuntime:
    """`inn local`, or another `command` that starts it, on free ports. `log` is what it wrote to standard error so far."""

    def __init__(self, folder: Path, *, command: Sequence[str] = COMMAND, **settings: str) -> None:
        environment = {
            **os.environ,
            "HTTP_PORT": "0",
            "PYTHONUNBUFFERED": "1",
            "CLIENT_NALOG_WAIT_SEC": "0.05",
            **settings,
        }
        self._log = folder / "log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._pool = urllib3.PoolManager(maxsize=50, retries=False, timeout=60)
        try:
            self.greeting = self._read_greeting()
        except AssertionError:
            self.end(signal.SIGKILL)
            raise
        self.url, tax_service = re.findall(r"http://127\.0\.0\.1:\d+", self.greeting)[:2]
        self.tax_service = EmulatorControl(tax_service)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(self, request: dict[str, Any] | bytes) -> urllib3.BaseHTTPResponse:
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/t", "ce-type": "inn.lookup.requested"}
        return self.post(body, {**headers, "content-type": "application/json"})

    def post(self, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        return self._pool.request("POST", self.url, body=body, headers=headers)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("GET", self.url + path)

    def end(self, number: signal.Signals) -> int:
        """Send a signal to it alone and wait for its end; returns its exit status."""
        # A server at its end waits for the connections that clients keep.
        self._pool.clear()
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_SEC)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def _read_greeting(self) -> str:
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                return "".join(lines)
        raise AssertionError(f"it did not start: {self.log}")


@contextmanager
def ended(runtime: LocalRuntime, number: signal.Signals = signal.SIGKILL) -> Iterator[LocalRuntime]:
    """A runtime that ends with the context, by this signal."""
    try:
        yield runtime
    finally:
        runtime.end(number)


@pytest.fixture
def start_local(tmp_path: Path) -> Iterator[Callable[..., LocalRuntime]]:
    """Starts local runtimes on one folder, whose tax service answers at once."""
    running: list[LocalRuntime] = []

    def start(**settings: str) -> LocalRuntime:
        running.append(LocalRuntime(tmp_path, **settings))
        running[-1].tax_service.control(**AT_ONCE)
        return running[-1]

    yield start
    for runtime in running:
        runtime.end(signal.SIGKILL)
