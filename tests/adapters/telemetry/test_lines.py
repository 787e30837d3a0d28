import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Event, Thread

import pytest

from adapters.telemetry import lines as lines_module
from adapters.telemetry.lines import TOGETHER, Lines
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
def lines(stream: Stream) -> Iterator[Lines]:
    def gap(count: int) -> None:
        telling.warning(f"{count} lost")

    with closing(Lines(stream, gap)) as telling:
        yield telling
        stream.reader.set()


@pytest.fixture
def ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are held for longer than a test lasts."""
    monkeypatch.setattr(lines_module, "HELD_SEC", 3600.0)


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four lines of three characters are held at most."""
    monkeypatch.setattr(lines_module, "MOST_HELD", 10)


def test_a_held_line_is_written_soon_by_itself(lines: Lines, stream: Stream) -> None:
    lines.info("one")
    stream.wait_for("one\n")
    lines.info("two")
    stream.wait_for("one\n", "two\n")


@pytest.mark.usefixtures("ever")
def test_held_lines_are_written_together_before_the_first_that_is_urgent(lines: Lines, stream: Stream) -> None:
    lines.info("one")
    lines.debug("two")
    assert stream.writes == []
    lines.warning("three")
    stream.wait_for("one\ntwo\nthree\n")


@pytest.mark.usefixtures("ever")
def test_so_many_lines_are_written_without_waiting_for_more(lines: Lines, stream: Stream) -> None:
    for _ in range(TOGETHER):
        lines.info("one")
    stream.wait_for("one\n" * TOGETHER)


@pytest.mark.usefixtures("ever")
def test_the_end_writes_what_is_held_and_nothing_later(stream: Stream) -> None:
    lines = Lines(stream, lambda _: None)
    lines.info("one")
    lines.close()
    assert stream.writes == ["one\n"]
    assert not lines._writer.is_alive()
    lines.error("two")
    assert (stream.writes, lines.lost) == (["one\n"], 1)


@pytest.mark.usefixtures("ever")
def test_each_line_that_cannot_be_written_is_counted_and_later_told(lines: Lines, stream: Stream) -> None:
    stream.full = True
    lines.info("one")
    lines.error("two")
    wait_for(lambda: lines.lost == 2, within=LONG, what="two lost lines")
    stream.full = False
    lines.error("three")
    stream.wait_for("three\n")
    lines.error("four")
    stream.wait_for("three\n", "four\n", "2 lost\n")


@pytest.mark.usefixtures("little_room")
def test_nobody_waits_for_a_stream_that_is_not_read_and_what_it_misses_is_told(lines: Lines, stream: Stream) -> None:
    stream.reader.clear()
    lines.error("stuck")
    assert stream.begun.wait(LONG)
    for _ in range(6):
        lines.error("one")

    assert (stream.writes, lines.lost) == ([], 2)
    stream.reader.set()
    stream.wait_for("stuck\n", "one\n" * 4, "2 lost\n")


class Interrupted(str):
    """A line within which another is logged, as by the finalizer of what a garbage collection finds."""

    __slots__ = ("lines",)
    lines: Lines

    def __len__(self) -> int:
        self.lines.warning("within")
        return super().__len__()


def test_a_line_within_a_line_is_a_line(lines: Lines, stream: Stream) -> None:
    line = Interrupted("one")
    line.lines = lines
    logging = Thread(target=lines.warning, args=(line,), daemon=True)
    logging.start()
    logging.join(LONG)
    assert not logging.is_alive()
    wait_for(lambda: "".join(stream.writes) == "one\nwithin\n", within=LONG, what="both lines")


UNREAD = """
from adapters.telemetry import lines, start
lines.CLOSE_SEC = 0.01
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
