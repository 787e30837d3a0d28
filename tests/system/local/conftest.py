"""The local runtime as a user starts it: a process of its own, in an empty folder."""

import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import urllib3

from local_runtime.emulator.control_client import EmulatorControl
from tests.servers.process import wait_for
from tests.system.process import START_SEC, Process

AT_ONCE = {"latency": 0, "pending": 0}  # how the emulated tax service answers where nobody has to watch it
QUICK = {"HTTP_PORT": "0", "PYTHONUNBUFFERED": "1", "CLIENT_NALOG_WAIT_SEC": "0.05"}


class LocalRuntime(Process):
    """`inn local`, or another `command` that starts it, on free ports; its tax service answers at once."""

    def __init__(self, folder: Path, *, command: Sequence[str] = ("inn", "local"), **settings: str) -> None:
        super().__init__(command, folder, {**QUICK, **settings})
        try:
            wait_for(self._has_greeted, within=START_SEC, what="the greeting")
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        self.greeting = self.output
        self.url, tax_service = re.findall(r"http://127\.0\.0\.1:\d+", self.greeting)[:2]
        self.tax_service = EmulatorControl(tax_service)
        self.tax_service.control(**AT_ONCE)

    def post(self, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        return self.pool.request("POST", self.url, body=body, headers=headers)

    def _has_greeted(self) -> bool:
        greeted = "Ctrl-C" in self.output
        assert greeted or self.process.poll() is None, f"it did not start: {self.errors}"
        return greeted


@contextmanager
def ended(runtime: LocalRuntime, number: signal.Signals = signal.SIGKILL) -> Iterator[LocalRuntime]:
    """A runtime that ends with the context, by this signal."""
    try:
        yield runtime
    finally:
        runtime.end(number)
