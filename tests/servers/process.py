"""Starts one server process, watches it, and ends it by its own pid.

Run as a script, it is the keeper that stands between a test run and one server, so that the server ends however the run
ends, kill -9 included. Standard library only: it starts in a few milliseconds (`python -I -S`).
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

_POLL_SEC = 0.02
_END_SEC = 30  # what the system may take to end a process after SIGKILL; the machine may have other work
_LOG_TAIL = 2000  # characters of a server's log that an error shows


class ServerFailed(Exception):
    """A server could not be had, or did not do what it was waited for. The text says what to do, or shows its log."""


class Server:
    """One running process and its log. `pid` is the server's own; its children end with it."""

    def __init__(self, keeper: "subprocess.Popen[bytes]", pid: int, log: Path, grace: float) -> None:
        self._keeper = keeper
        self._grace = grace
        self.pid = pid
        self.log = log

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._keeper.poll() is None

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after its grace. Ending twice is ending once."""
        # The keeper waits for the end of its stdin.
        self._keeper.communicate(timeout=self._grace + _END_SEC)

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, at once."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        self._keeper.wait(_END_SEC)
        self._keeper.communicate()

    def pause(self) -> None:
        """Let it hang, with its children: its connections stay open and nothing answers."""
        _signal_group(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        _signal_group(self.pid, signal.SIGCONT)


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    grace: float = 10,
) -> Server:
    """Start a server that ends with this process at the latest. `env` is added to ours; `grace`: see `Server.stop`."""
    keeper = subprocess.Popen(  # the caller's own server
        [sys.executable, "-I", "-S", __file__, str(grace), log, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        # Ctrl-C ends the run, and the run ends its servers, in its own order.
        start_new_session=True,
    )
    first_line = keeper.stdout.readline() if keeper.stdout else b""
    if not first_line:
        keeper.communicate()
        raise ServerFailed(f"cannot start {command[0]}")
    return Server(keeper, int(first_line), log, grace)


def free_port() -> int:
    """A port of the loopback address on which nobody listens.

    On Linux it is kept for this process and its servers, which may listen there again and again: the system gives
    it to nobody else. Elsewhere it was free a moment ago.
    """
    with socket.socket() as probe:
        # Servers ask for reuse, too; whoever asks for any port is given none that is bound.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        if sys.platform == "linux":
            probe.detach()  # bound until this process ends
        return port


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of the loopback address."""
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def wait_for(
    condition: Callable[[], Result | None], *, within: float, what: str, server: Server | None = None
) -> Result:
    """What the condition gives once it is true. Raises ServerFailed after `within` seconds, or once `server` has ended."""
    deadline = time.monotonic() + within
    while True:
        if result := condition():
            return result
        ended = server is not None and not server.alive
        if ended or time.monotonic() > deadline:
            log = server.log.read_text(errors="replace")[-_LOG_TAIL:] if server else ""
            raise ServerFailed(
                f"{what}: {'the server has ended' if ended else f'not within {within} s'}\n{log}".rstrip()
            )
        time.sleep(_POLL_SEC)


def _keep(grace: str, log: str, *command: str) -> int:
    """Start a server in a process group of its own, print its pid, and end the group once stdin closes.

    That the death of whoever holds its other end does. Returns the server's exit status.
    """
    try:
        with Path(log).open("ab") as output:
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
    sys.exit(_keep(*sys.argv[1:]))
