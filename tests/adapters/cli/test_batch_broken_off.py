"""`inn batch` as a process that is broken off: nothing is lost, nobody is asked for twice."""

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl

from tests.adapters.cli.conftest import Host, Response
from tests.adapters.cli.people import HEADING, Run, people, read, write
from tests.system.local.conftest import LocalRuntime

ROWS = 300
AHEAD = 39
"""Rows that a window of four answers beyond the first that has no answer."""

NOT_FOUND = {"inn": "", "cached": False, "details": "", "elapsedTime": 0.1, "status": "not_found"}


def test_broken_off_twice_it_ends_as_if_it_never_was(runtime: LocalRuntime, tmp_path: Path) -> None:
    rows = people(ROWS, 1)
    source = write(tmp_path / "in.csv", rows)
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    runtime.tax_service.reset()
    runtime.tax_service.control(latency=0.02, pending=0)

    status, said = Run(source, out, "--url", runtime.url, "--window", "20").break_off(ROWS // 5, signal.SIGINT)
    assert status == 130
    assert "the same command goes on from there" in said
    held = read(out)
    assert held[0] == [*HEADING, "inn", "status", "details"]
    assert len(held) > ROWS // 5
    assert [row[:6] for row in held[1:]] == rows[: len(held) - 1]

    Run(source, out, "--url", runtime.url, "--window", "20").break_off(ROWS // 2, signal.SIGKILL)
    assert read(out) == held

    assert Run(source, out, "--url", runtime.url).end() == (0, "")
    asked = runtime.tax_service.stats()
    assert len(asked.persons) == ROWS
    assert {asked.of(key) for key in asked.persons} == {1}
    assert Run(source, whole, "--url", runtime.url).end() == (0, "")
    assert read(out) == read(whole)
    assert len(read(out)) == ROWS + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "whole.csv"]


def test_sigterm_ends_it_as_ctrl_c_does(runtime: LocalRuntime, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.csv", people(ROWS, 2)), tmp_path / "out.csv"
    runtime.tax_service.control(latency=0.02, pending=0)
    status, _ = Run(source, out, "--url", runtime.url, "--window", "20").break_off(10, signal.SIGTERM)
    assert status == 130
    assert len(read(out)) > 10


def test_however_often_it_is_broken_off_it_ends_once_and_says_what_is_true(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """Whoever presses Ctrl-C until something happens disturbs neither the writing of OUT nor the last line."""
    source, out = write(tmp_path / "in.csv", people(ROWS, 5)), tmp_path / "out.xlsx"
    runtime.tax_service.control(latency=0.02, pending=0)
    status, said = Run(source, out, "--url", runtime.url, "--window", "20").break_off_again_and_again(ROWS // 3)
    assert status == 130
    assert said.count("\n") == 1
    held = openpyxl.load_workbook(out).worksheets[0].max_row - 1
    assert f"interrupted: {held} rows are in {out}" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.xlsx"]


def test_two_runs_cannot_write_one_output(runtime: LocalRuntime, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.csv", people(ROWS, 3)), tmp_path / "out.csv"
    runtime.tax_service.control(latency=0.02, pending=0)
    first = Run(source, out, "--url", runtime.url, "--window", "20")
    first.wait_for(1)
    status, said = Run(source, out, "--url", runtime.url).end()
    assert status == 2
    assert "another inn batch is writing" in said
    first.process.send_signal(signal.SIGINT)
    assert first.end()[0] == 130


def test_a_slow_person_holds_up_nobody(host: Callable[..., Host], tmp_path: Path) -> None:
    """And whom Ctrl-C leaves without an answer has an empty place, between those who have theirs."""
    rows = people(AHEAD + 20, 4)
    source, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    ahead, released = threading.Semaphore(0), threading.Event()

    def answer(events: Any) -> Response:
        for event in events:
            if event["data"]["documentNumber"] == rows[0][-1]:
                released.wait(60)
            else:
                ahead.release()
        results = [{**NOT_FOUND, "requestId": event["data"]["requestId"]} for event in events]
        return 200, {}, json.dumps([{"data": result} for result in results]).encode()

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
    asked = {event["data"]["documentNumber"] for body in again.bodies for event in body}
    assert asked == {*unanswered, *(row[-1] for row in rows[len(statuses) :])}
