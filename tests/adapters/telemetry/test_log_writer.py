import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from adapters.telemetry.log_handler import Log
from tests.servers.process import wait_for

LONG = 30


class Stream(io.StringIO):
    """Keeps each write apart, a report of lost lines as its count; a full one takes none, an unread one the thread."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.full = False
        self.begun = Event()
        self.reader = Event()
        self.reader.set()

    def write(self, text: str) -> int:
        self.begun.set()
        self.reader.wait()
        if self.full:
            raise OSError
        self.writes.append(re.sub(r'{.*"lines_lost".*"count":(\d+)}', r"\1 lost", text))
        return len(text)

    def wait_for(self, *writes: str) -> None:
        wait_for(lambda: self.writes == [*writes], within=LONG, what=f"{writes} in the log")


@pytest.fixture
def stream() -> Stream:
    return Stream()


@contextmanager
def writing_to(stream: Stream) -> Iterator[Log]:
    """A log of at most four lines."""
    log = Log("inn", logging.INFO, stream, max_lines=4)
    with log.writing():
        yield log
        stream.reader.set()


def test_a_line_is_written_soon_and_at_the_end_what_waits_and_nothing_later(stream: Stream) -> None:
    with writing_to(stream) as log:
        log.write("one")
        stream.wait_for("one\n")
        log.write("two")
    assert stream.writes == ["one\n", "two\n"]
    log.write("three")
    assert (stream.writes, log.dropped) == (["one\n", "two\n"], 1)


def test_each_line_that_cannot_be_written_is_counted_and_later_reported(stream: Stream) -> None:
    with writing_to(stream) as log:
        stream.full = True
        log.write("one")
        log.write("two")
        wait_for(lambda: log.dropped == 2, within=LONG, what="two lost lines")
        stream.full = False
        log.write("three")
        stream.wait_for("three\n", "2 lost\n")


def test_nobody_waits_for_a_stream_that_is_not_read_what_waits_is_written_at_once_and_the_rest_reported(
    stream: Stream,
) -> None:
    with writing_to(stream) as log:
        stream.reader.clear()
        log.write("stuck")
        assert stream.begun.wait(LONG)
        for _ in range(6):
            log.write("one")
        assert (stream.writes, log.dropped) == ([], 2)
        stream.reader.set()
        stream.wait_for("stuck\n", "one\n" * 4, "2 lost\n")


class Interrupted(Log):
    """A log within whose line another is logged, as by the finalizer of what a garbage collection finds."""

    def write(self, line: str) -> None:
        if line == "one":
            with self._counting:
                self.write("within")
                self.drop(1)
        super().write(line)


def test_a_line_within_a_line_is_a_line(stream: Stream) -> None:
    log = Interrupted("inn", logging.INFO, stream)
    with log.writing():
        thread = Thread(target=log.write, args=("one",), daemon=True)
        thread.start()
        thread.join(LONG)
        assert not thread.is_alive()
    assert "".join(stream.writes).split()[:2] == ["within", "one"]


UNREAD = """
from adapters.telemetry import log_handler, start
log_handler.CLOSE_SEC = 0.01
with start("inn", "INFO") as telemetry:
    telemetry.event("reconnecting")
"""


def test_a_process_whose_log_nobody_reads_ends_all_the_same() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"\n" * 4096)
    os.set_blocking(writing, True)
    try:
        # Buffered, the worse of the two: Python's end waits for the buffer.
        environ = {**os.environ, "PYTHONUNBUFFERED": ""}
        done = subprocess.run([sys.executable, "-c", UNREAD], check=False, stderr=writing, timeout=LONG, env=environ)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0
