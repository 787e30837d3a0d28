"""The examples that `inn lookup --help` and `inn batch --help` show, run as they stand there."""

import json
import os
import re
import subprocess
from pathlib import Path

import openpyxl
import pytest

from local_runtime.servers.rabbitmq import Node
from tests.adapters.cli.conftest import Inn, inn, runtime
from tests.adapters.cli.people import HEADING, INN, people, write
from tests.system.local.conftest import LocalRuntime
from tests.system.rabbitmq.service import service
from tests.system.rabbitmq.test_asking import reply

__all__ = ["inn", "runtime"]
COMMANDS = ("lookup", "batch")
QUEUE = "examples"


@pytest.fixture
def folder(tmp_path: Path, runtime: LocalRuntime) -> Path:
    """What the examples name."""
    (tmp_path / "person.json").write_text(json.dumps(runtime.tax_service.people()[0]["request"]), encoding="utf-8")
    rows = people(3, 70)
    write(tmp_path / "people.csv", rows)
    book = openpyxl.Workbook()
    for row in [HEADING, *rows]:
        book.worksheets[0].append(row)
    book.save(tmp_path / "people.xlsx")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_works(inn: Inn, node: Node, runtime: LocalRuntime, folder: Path, command: str) -> None:
    shown = inn(command, "--help").out.partition("Examples:")[2].partition("\n\n")[0]
    examples = re.sub(r"\\\n\s*", "", shown).strip().splitlines()
    assert len(examples) > 1
    path = f"{INN.parent}:{os.environ['PATH']}"
    over_http = {**os.environ, "PATH": path, "INN_URL": runtime.url}
    over_rabbitmq = {**os.environ, "PATH": path, "RABBITMQ_DSN": node.uri, "RABBITMQ_SOURCE_QUEUE_NAME": QUEUE}
    with service(node.uri, QUEUE, reply):
        for example in examples:
            environment = over_rabbitmq if "--amqp" in example else over_http
            done = subprocess.run(
                ["bash", "-c", example], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, ""), example
            assert "found" in done.stdout
