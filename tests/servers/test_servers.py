"""Only what would fail in silence: a server that outlives its run, and another server than the one that is named."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from tests.servers.mongod import GIVEN_VARIABLE, given_or_private
from tests.servers.process import ServerFailed, free_port, start, wait_for
from tests.servers.programs import MONGOD, RABBITMQ, Program

CHILD = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(600)
"""
FAMILY = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
RUN = """
import sys, time
from pathlib import Path
from tests.servers.process import start
server = start([sys.executable, "-c", "import time; time.sleep(600)"], log=Path(sys.argv[1]))
print(server.pid, flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_server_ends_and_its_children_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    server = start([sys.executable, "-c", FAMILY], log=log)
    child = int(wait_for(log.read_text, within=20, what="a child", server=server))
    assert not gone(child)
    server.stop()
    assert gone(server.pid)
    wait_for(lambda: gone(child), within=20, what="the end of its child")


def test_a_server_ends_with_its_test_run_even_when_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", RUN, tmp_path / "log"], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        pid = int(killed.stdout.readline())
        os.kill(killed.pid, signal.SIGKILL)
    wait_for(lambda: gone(pid), within=20, what="the server's end")


def test_a_free_port_is_kept_for_whoever_asked_for_it() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use") if sys.platform == "linux" else nullcontext():
        other.bind(("127.0.0.1", port))
    for _ in range(2):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("program", [MONGOD, RABBITMQ], ids=lambda program: str(program.variable))
def test_a_program_that_is_named_is_the_one_that_is_used(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(program.variable, sys.executable)
    assert program.path() == Path(sys.executable)
    monkeypatch.setenv(program.variable, "/no/such/program")
    with pytest.raises(ServerFailed, match=f"{program.variable} names /no/such/program"):
        program.path()


def test_a_program_that_cannot_be_had_fails_and_says_what_to_install() -> None:
    with pytest.raises(ServerFailed, match=r"^absent is needed: install what has it, so that it is on PATH$"):
        Program(("absent",), "what has it").path()


def test_a_given_mongodb_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GIVEN_VARIABLE, "mongodb://given.example")
    with given_or_private() as mongo:
        assert (mongo.uri, mongo.members) == ("mongodb://given.example", [])
