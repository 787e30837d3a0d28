import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from adapters.telemetry.log_writer import LogWriter
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


@pytest.fixture
def written(stream: Stream) -> Iterator[LogWriter]:
    """A sink of at most four lines, whose lines are written to the stream."""
    with writing_to(stream) as sink:
        yield sink
        stream.reader.set()


@contextmanager
def writing_to(stream: Stream) -> Iterator[LogWriter]:
    sink = LogWriter(stream, max_lines=4)
    with sink.running(lambda count: sink.write(f"{count} lost")):
        yield sink


def test_a_line_is_written_soon_by_itself(written: LogWriter, stream: Stream) -> None:
    written.write("one")
    stream.wait_for("one\n")
    written.write("two")
    stream.wait_for("one\n", "two\n")


def test_lines_that_wait_are_written_at_once(written: LogWriter, stream: Stream) -> None:
    stuck(written, stream)
    for line in ("one", "two", "three"):
        written.write(line)
    stream.reader.set()
    stream.wait_for("stuck\n", "one\ntwo\nthree\n")


def stuck(sink: LogWriter, stream: Stream) -> None:
    """The writer has begun to write a line that nobody reads."""
    stream.reader.clear()
    sink.write("stuck")
    assert stream.begun.wait(LONG)


def test_the_end_writes_what_waits_and_nothing_later(stream: Stream) -> None:
    with writing_to(stream) as sink:
        sink.write("one")
    assert stream.writes == ["one\n"]
    sink.write("two")
    assert (stream.writes, sink.dropped) == (["one\n"], 1)


def test_each_line_that_cannot_be_written_is_counted_and_later_reported(written: LogWriter, stream: Stream) -> None:
    stream.full = True
    written.write("one")
    written.write("two")
    wait_for(lambda: written.dropped == 2, within=LONG, what="two lost lines")
    stream.full = False
    written.write("three")
    stream.wait_for("three\n", "2 lost\n")


def test_nobody_waits_for_a_stream_that_is_not_read_and_what_it_misses_is_reported(
    written: LogWriter, stream: Stream
) -> None:
    stuck(written, stream)
    for _ in range(6):
        written.write("one")
    assert (stream.writes, written.dropped) == ([], 2)
    stream.reader.set()
    wait_for(lambda: "".join(stream.writes).endswith("2 lost\n"), within=LONG, what="the count")
    assert "".join(stream.writes) == "stuck\n" + "one\n" * 4 + "2 lost\n"


class Interrupted(LogWriter):
    """A sink within whose line another is logged, as by the finalizer of what a garbage collection finds."""

    def write(self, line: str) -> None:
        if line == "one":
            with self._counting:
                self.write("within")
                self.drop(1)
        super().write(line)


def test_a_line_within_a_line_is_a_line(stream: Stream) -> None:
    sink = Interrupted(stream)
    with sink.running(lambda _: None):
        logging = Thread(target=sink.write, args=("one",), daemon=True)
        logging.start()
        logging.join(LONG)
        assert not logging.is_alive()
        wait_for(lambda: "".join(stream.writes) == "within\none\n", within=LONG, what="both lines")


UNREAD = """
from adapters.telemetry import log_writer, start
log_writer.CLOSE_SEC = 0.01
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
