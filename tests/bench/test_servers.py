import sys
from pathlib import Path

import psutil
import pytest

from bench.servers import MeasuredProcess
from tests.servers.process import start, wait_for

GONE = "import subprocess, time; child = subprocess.Popen(['true']); time.sleep(600)"  # its child is a zombie


def test_the_memory_of_what_is_just_gone_is_an_error_that_a_sampler_passes_over(tmp_path: Path) -> None:
    server = start([sys.executable, "-c", GONE], log=tmp_path / "log")
    process = psutil.Process(server.pid)
    wait_for(
        lambda: [each for each in process.children() if each.status() == psutil.STATUS_ZOMBIE],
        within=20,
        what="a child that is gone",
        server=server,
    )
    with pytest.raises(psutil.Error):
        MeasuredProcess(server, 0).memory()
    server.kill()
