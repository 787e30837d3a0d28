"""`inn batch` as a process that is broken off: nothing is lost, nobody is asked for twice."""

import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from local_runtime.emulator.control_client import EmulatorControl
from tests.adapters.cli.conftest import Host, Response, answering
from tests.adapters.cli.people import HEADING, Run, people, read, write
from tests.system.local.conftest import LocalRuntime

ROWS = 300
AHEAD = 60  # rows that are answered beyond the first that has no answer


@pytest.fixture
def tax_service(runtime: LocalRuntime) -> EmulatorControl:
    """One that is slow enough to break a run off, and has met nobody."""
    runtime.tax_service.reset()
    runtime.tax_service.control(latency=0.02, pending=0)
    return runtime.tax_service


def test_broken_off_twice_it_ends_as_if_it_never_was(
    runtime: LocalRuntime, tax_service: EmulatorControl, tmp_path: Path
) -> None:
    rows = people(ROWS, 1)
    source = write(tmp_path / "in.csv", rows)
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"

    run = Run(source, out, "--url", runtime.url)
    run.wait_for(ROWS // 5, tax_service)
    status, said = run.break_off(signal.SIGINT)
    assert status == 130
    assert "the same command goes on from there" in said
    held = read(out)
    assert held[0] == [*HEADING, "inn", "status", "details"]
    assert len(held) > ROWS // 5
    assert [row[:6] for row in held[1:]] == rows[: len(held) - 1]

    run = Run(source, out, "--url", runtime.url)
    run.wait_for(ROWS // 2, tax_service)
    run.break_off(signal.SIGKILL)
    assert read(out) == held

    run = Run(source, out, "--url", runtime.url)
    assert run.end() == (0, "")
    known = re.search(r"; (\d+) were known already", run.said)
    assert known
    assert int(known[1]) >= ROWS // 2
    asked = tax_service.stats()
    assert len(asked.persons) == ROWS
    assert {asked.of(key) for key in asked.persons} == {1}
    assert Run(source, whole, "--url", runtime.url).end() == (0, "")
    assert read(out) == read(whole)
    assert len(read(out)) == ROWS + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "whole.csv"]


def test_however_often_it_is_broken_off_it_ends_once_and_says_what_is_true(
    runtime: LocalRuntime, tax_service: EmulatorControl, tmp_path: Path
) -> None:
    """SIGTERM, and then Ctrl-C until something happens, disturb neither the writing of OUT nor the last line."""
    source, out = write(tmp_path / "in.csv", people(ROWS, 5)), tmp_path / "out.xlsx"
    run = Run(source, out, "--url", runtime.url)
    run.wait_for(ROWS // 3, tax_service)
    status, said = run.break_off_again_and_again()
    assert status == 130
    assert said.count("\n") == 1
    sheet = openpyxl.load_workbook(out).worksheets[0]
    held = [row for row in sheet.iter_rows(min_row=2, values_only=True) if row[-2]]
    assert len(held) >= ROWS // 3
    assert f"interrupted: {len(held)} rows are in {out}" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.xlsx"]


def test_two_runs_cannot_write_one_output(runtime: LocalRuntime, tax_service: EmulatorControl, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.csv", people(ROWS, 3)), tmp_path / "out.csv"
    first = Run(source, out, "--url", runtime.url)
    first.wait_for(1, tax_service)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("out.csv.part*")}
    assert modes == {"out.csv.part": 0o600, "out.csv.part-wal": 0o600}
    status, said = Run(source, out, "--url", runtime.url).end()
    assert status == 2
    assert "another inn batch is writing" in said
    assert first.break_off(signal.SIGINT)[0] == 130


def test_a_slow_person_holds_up_nobody(host: Callable[..., Host], tmp_path: Path) -> None:
    """And whom Ctrl-C leaves without an answer has an empty place, between those who have theirs."""
    rows = people(AHEAD + 20, 4)
    source, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    ahead, released = threading.Semaphore(0), threading.Event()

    def answer(request: Any) -> Response:
        if request["documentNumber"] == rows[0][-1]:
            released.wait(60)
        else:
            ahead.release()
        return answering({})(request)

    window = 4
    run = Run(source, out, "--url", host(answer).url, "--window", str(window))
    for _ in range(AHEAD):
        assert ahead.acquire(timeout=60)
    run.process.send_signal(signal.SIGINT)
    assert run.end()[0] == 130
    released.set()
    statuses = [row[-2] for row in read(out)[1:]]
    # Besides the slow one, those whose answers were on their way when it was broken off.
    unanswered = [row[-1] for row, status in zip(rows, statuses, strict=False) if status == ""]
    assert unanswered[0] == rows[0][-1]
    assert len(unanswered) <= window
    assert statuses.count("not_found") == len(statuses) - len(unanswered) >= AHEAD - window
    again = host(answer)
    assert Run(source, out, "--url", again.url).end()[0] == 0
    asked = {request["documentNumber"] for request in again.bodies}
    assert asked == {*unanswered, *(row[-1] for row in rows[len(statuses) :])}
