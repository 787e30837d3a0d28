"""Stands between a test run and one server, so that the server ends however the run ends, kill -9 included.

Run as a script: `keeper.py GRACE LOG COMMAND...`. It starts the command in a process group of its
own, writes its pid to stdout, and ends the group once its own stdin closes, which the death of
whoever holds the other end does. The command gets SIGTERM and GRACE seconds before SIGKILL. The
exit status is the command's.

Standard library only: it starts in a few milliseconds (`python -I -S`).
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def main() -> int:
    """Keep one server. Returns its exit status."""
    grace, log, *command = sys.argv[1:]
    with open(log, "ab") as output:  # noqa: PTH123  # pathlib takes longer to import than all the rest
        try:
            server = subprocess.Popen(  # what the test run asked for
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError:
            return 127  # as a shell says it
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_the_run, args=(server, float(grace)), daemon=True).start()
    status = server.wait()
    # What the server started itself (rabbitmq-server is a script around a virtual machine) goes with it.
    _signal_group(server.pid, signal.SIGKILL)
    return status


def _end_with_the_run(server: "subprocess.Popen[bytes]", grace: float) -> None:
    while os.read(0, 1024):
        pass
    _signal_group(server.pid, signal.SIGTERM)
    try:
        server.wait(grace)
    except subprocess.TimeoutExpired:
        _signal_group(server.pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


if __name__ == "__main__":
    sys.exit(main())
