import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from tests.servers.process import Server, ServerFailed, free_port, listens, start, wait_for

LISTENER = """
import socket, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
time.sleep(600)
"""
KEPT = sys.platform == "linux"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def test_a_free_port_is_kept_for_whoever_asked_for_it() -> None:
    port = free_port()
    assert not listens(port)
    with socket.socket() as stranger, pytest.raises(OSError, match="in use") if KEPT else nullcontext():
        stranger.bind(("127.0.0.1", port))
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)):
            assert listens(port)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_a_server_runs_under_its_own_pid_and_its_children_end_with_it(
    tmp_path: Path, end: Callable[[Server], None]
) -> None:
    port = free_port()
    server = start([sys.executable, "-c", LISTENER, str(port)], log=tmp_path / "log")
    wait_for(lambda: listens(port), within=20, what="listener", server=server)
    children = psutil.Process(server.pid).children()
    assert children
    end(server)
    server.stop()
    assert gone(server.pid)
    assert not listens(port)
    wait_for(lambda: all(gone(child.pid) for child in children), within=20, what="the end of its children")


def test_a_server_that_will_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    server = start([sys.executable, "-c", DEAF], log=tmp_path / "log", grace=0.1)
    wait_for(lambda: "deaf" in server.log_tail(), within=20, what="start", server=server)
    server.stop()
    assert gone(server.pid)


def test_a_server_ends_with_its_test_run_even_when_that_is_killed(tmp_path: Path) -> None:
    run = (
        "import sys, time; from pathlib import Path; from tests.servers.process import start;"
        f"server = start([sys.executable, '-c', 'import time; time.sleep(600)'], log=Path({str(tmp_path / 'log')!r}));"
        "print(server.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        pid = int(killed.stdout.readline())
        os.kill(killed.pid, signal.SIGKILL)
    wait_for(lambda: gone(pid), within=20, what="the server's end")


def test_what_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="/no/such/server"):
        start(["/no/such/server"], log=tmp_path / "log")


def test_waiting_in_vain_shows_the_log(tmp_path: Path) -> None:
    server = start([sys.executable, "-c", "print('the reason')"], log=tmp_path / "log")
    with pytest.raises(ServerFailed, match=r"(?s)started: the server has ended.*the reason"):
        wait_for(lambda: False, within=20, what="started", server=server)
    server.stop()
    with pytest.raises(ServerFailed, match=r"a miracle: not within 0.05 s"):
        wait_for(lambda: False, within=0.05, what="a miracle")
