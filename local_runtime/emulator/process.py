"""Starts and ends the process of an emulated tax service, for tests and `inn local`."""

import json
import select
import subprocess
import sys
from contextlib import AbstractContextManager

from local_runtime.emulator.control_client import EmulatorControl

START_SEC = 60
STOP_SEC = 10


class EmulatorFailed(RuntimeError):
    """The emulator's process did not start; stderr says why."""


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
