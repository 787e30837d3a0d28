"""`inn batch` through the real consumer: broken off, resumed, and nobody asked for twice."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from local_runtime.emulator.process import Emulator
from tests.adapters.cli.conftest import Inn, inn
from tests.adapters.cli.people import Run, people, read, write
from tests.servers.mongod import Mongo
from tests.servers.rabbitmq import Node
from tests.system.process import Process, settings_of

__all__ = ["inn"]
ROWS = int(os.environ.get("INN_BATCH_ROWS", "150"))


def test_broken_off_and_resumed_nobody_is_asked_for_twice(
    *,
    inn: Inn,
    node: Node,
    mongo: Mongo,
    emulator: Emulator,
    start: Callable[..., Process],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings = settings_of(f"batch-{uuid4().hex[:8]}", mongo, emulator, node) | {"LOG_LEVEL": "WARNING"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    consumer = start(settings)
    consumer.answers("/readyz", 200)
    rows = people(ROWS, 80)
    source, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    emulator.control(latency=0.02)
    for rows_then, number in ((ROWS // 4, signal.SIGINT), (ROWS // 2, signal.SIGKILL)):
        run = Run(source, out, "--amqp", "settings")
        run.wait_for(rows_then, emulator)
        run.break_off(number)
    assert Run(source, out, "--amqp", "settings").end() == (0, "")
    answers = read(out)[1:]
    assert [row[:6] for row in answers] == rows
    assert {row[7] for row in answers} <= {"found", "not_found", "ambiguous"}
    asked = emulator.stats()
    assert len(asked.persons) == ROWS
    assert {asked.of(key) for key in asked.persons} == {1}
    # On a busy machine MongoDB may take long to answer at the start.
    assert [line for line in consumer.errors.splitlines() if '"server_' not in line] == []
    assert "nobody consumes" not in inn("doctor").out
