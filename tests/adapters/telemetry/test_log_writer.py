import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from adapters.telemetry.log_handler import LogWriter
from tests.servers.process import wait_for

LONG = 30


class Stream(io.StringIO):
    """A stream that keeps each write apart; a full one takes none, and one that nobody reads keeps the writer."""

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
        self.writes.append(text)
        return len(text)

    def wait_for(self, *writes: str) -> None:
        wait_for(lambda: self.writes == [*writes], within=LONG, what=f"{writes} in the log")


@pytest.fixture
def stream() -> Stream:
    return Stream()


@contextmanager
def writing_to(stream: Stream) -> Iterator[LogWriter]:
    """A writer of at most four lines."""
    writer = LogWriter(stream, max_lines=4)
    with writer.running(lambda count: writer.write(f"{count} lost")):
        yield writer
        stream.reader.set()


def test_a_line_is_written_soon_and_at_the_end_what_waits_and_nothing_later(stream: Stream) -> None:
    with writing_to(stream) as writer:
        writer.write("one")
        stream.wait_for("one\n")
        writer.write("two")
    assert stream.writes == ["one\n", "two\n"]
    writer.write("three")
    assert (stream.writes, writer.dropped) == (["one\n", "two\n"], 1)


def test_each_line_that_cannot_be_written_is_counted_and_later_reported(stream: Stream) -> None:
    with writing_to(stream) as writer:
        stream.full = True
        writer.write("one")
        writer.write("two")
        wait_for(lambda: writer.dropped == 2, within=LONG, what="two lost lines")
        stream.full = False
        writer.write("three")
        stream.wait_for("three\n", "2 lost\n")


def test_nobody_waits_for_a_stream_that_is_not_read_what_waits_is_written_at_once_and_the_rest_reported(
    stream: Stream,
) -> None:
    with writing_to(stream) as writer:
        stream.reader.clear()
        writer.write("stuck")
        assert stream.begun.wait(LONG)
        for _ in range(6):
            writer.write("one")
        assert (stream.writes, writer.dropped) == ([], 2)
        stream.reader.set()
        stream.wait_for("stuck\n", "one\n" * 4, "2 lost\n")


class Interrupted(LogWriter):
    """A writer within whose line another is logged, as by the finalizer of what a garbage collection finds."""

    def write(self, line: str) -> None:
        if line == "one":
            with self._counting:
                self.write("within")
                self.drop(1)
        super().write(line)


def test_a_line_within_a_line_is_a_line(stream: Stream) -> None:
    writer = Interrupted(stream)
    with writer.running(lambda _: None):
        logging = Thread(target=writer.write, args=("one",), daemon=True)
        logging.start()
        logging.join(LONG)
        assert not logging.is_alive()
    assert "".join(stream.writes) == "within\none\n"


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
