"""The core: microseconds of each piece by pytest-benchmark, and instructions where perf or valgrind can count them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

from bench.cases import cases
from bench.figures import Series, Subject
from bench.world import ROOT, World

CALLS = 400
"""Of one case, over which its instructions are averaged."""
COUNTED = "handle, ports in memory"
"""The case that valgrind counts: under it a start takes seconds."""

Counter = Callable[[str, int], int | None]
"""Instructions of a process that makes a case's call so many times; None where they can't be counted."""


def measure(world: World) -> Subject:
    """Microseconds and instructions of one call."""
    out = world.folder / "core.json"
    command = [sys.executable, "-m", "pytest", "bench/core_speed.py", "-q", "-p", "no:cacheprovider"]
    limits = ["--benchmark-max-time=0.3", "--benchmark-warmup=on", f"--benchmark-json={out}", "--no-cov"]
    subprocess.run([*command, *limits], cwd=ROOT, check=True, capture_output=True)
    subject = Subject("The core, in memory")
    for told in json.loads(out.read_text())["benchmarks"]:
        stats = told["stats"]
        quartiles = [stats[name] * 1e6 for name in ("q1", "median", "q3")]
        subject.series.append(Series(told["params"]["name"], "µs", quartiles))
    subject.notes += _instructions() or ["instructions: neither perf nor valgrind can count them here"]
    return subject


def _instructions() -> list[str]:
    if _perf(COUNTED, 0) is not None:
        return [f"{name}: {_each(_perf, name):,.0f} instructions (perf)" for name in cases()]
    if shutil.which("valgrind"):
        return [f"{COUNTED}: {_each(_valgrind, COUNTED):,.0f} instructions (valgrind)"]
    return []


def _each(count: Counter, name: str) -> float:
    """Instructions of one call: those of a start and CALLS calls, less those of a start."""
    many, none = count(name, CALLS), count(name, 0)
    assert many is not None
    assert none is not None
    return (many - none) / CALLS


def _perf(name: str, calls: int) -> int | None:
    if not shutil.which("perf"):
        return None
    said = _run(["perf", "stat", "-x,", "-e", "instructions:u"], name, calls)
    counted = re.search(r"^(\d+),[^,]*,instructions", said, re.MULTILINE)
    return int(counted[1]) if counted else None


def _valgrind(name: str, calls: int) -> int | None:
    said = _run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"], name, calls)
    counted = re.search(r"I\s+refs:\s+([\d,]+)", said)
    return int(counted[1].replace(",", "")) if counted else None


def _run(counter: list[str], name: str, calls: int) -> str:
    """What the counter says on standard error."""
    # The same hashes in each run: the number of collisions is part of the count.
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [*counter, sys.executable, "-m", "bench.cases", name, str(calls)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stderr
