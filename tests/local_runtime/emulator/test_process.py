"""How the emulator's process starts and ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3

from local_runtime.emulator.__main__ import main
from local_runtime.emulator.control_client import EmulatorControl
from local_runtime.emulator.process import Emulator, EmulatorFailed
from local_runtime.emulator.stats import Step
from tests.servers.process import wait_for

BOUND_SEC = 60
COMMAND = [sys.executable, "-m", "local_runtime.emulator"]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout
            reply = json.loads(process.stdout.readline())
            assert reply["pid"] == process.pid
            yield process, reply["url"]
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        return bool(EmulatorControl(url).people())
    except urllib3.exceptions.HTTPError:
        return False


def test_it_listens_on_the_address_that_it_prints_and_outlives_its_standard_input() -> None:
    with started() as (process, url):
        assert process.stdin
        process.stdin.close()
        assert answers(url)
        port = url.rpartition(":")[2]
        with pytest.raises(EmulatorFailed):
            Emulator("--port", port)
        for refused in (port, "99999"):
            command = [*COMMAND, "--port", refused]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_SEC, check=False)
            assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
            assert ended.stderr.startswith(f"emulator: cannot listen on 127.0.0.1:{refused}: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_traceback(number: signal.Signals) -> None:
    # Its thread that waits for the end of its parent is not in the way.
    with started("--with-parent") as (process, _):
        process.send_signal(number)
        assert process.wait(BOUND_SEC) in (0, -number)
        assert process.stderr
        assert process.stderr.read() == ""


def test_it_ends_with_a_killed_parent() -> None:
    run = (
        "import sys, time; from local_runtime.emulator.process import Emulator;"
        "emulator = Emulator(); print(emulator.url, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert answers(url)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(BOUND_SEC)
    wait_for(lambda: not answers(url), within=BOUND_SEC, what="its end")


def test_it_ends_with_its_standard_input_whatever_replies_hang() -> None:
    with Emulator() as emulator:
        emulator.control(rules=[{"on": "page", "connection": "hang"}])
        address = urllib3.util.parse_url(emulator.url)
        client = socket.create_connection((address.host or "", address.port or 0))
        client.sendall(b"GET /inn.do HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: emulator.stats().calls[Step.PAGE], within=BOUND_SEC, what="the call for the page")
    assert emulator.process.returncode == 0
    assert not answers(emulator.url)
    client.close()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--latency", "-1"], "latency"),
        (["--control", '{"rules": [{"on": "x"}]}'], "rules.0.on"),
        (["--control", "nonsense"], "JSON"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert fault in err
    assert (out, err.count("\n")) == ("", 1)


def test_settings_of_the_command_line_are_those_that_a_reset_returns_to() -> None:
    with Emulator("--latency", "0.01", "--pending", "2", "--control", '{"numbers": "int"}') as emulator:
        emulator.control(latency=0, numbers="float", scenario="down")
        emulator.reset()
        now = emulator.control()
        assert (now["latency"], now["pending"], now["numbers"], now["scenario"]) == (0.01, 2, "int", "normal")
