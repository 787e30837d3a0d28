import io
from collections.abc import Iterator
from contextlib import closing

import pytest

from adapters.telemetry import lines as lines_module
from adapters.telemetry.lines import MOST_HELD, Lines
from local_runtime.servers.process import wait_for

LONG = 30


class Stream(io.StringIO):
    """A stream that keeps each write apart; a full one takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError
        self.writes.append(text)
        return len(text)


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def lost() -> list[None]:
    return []


@pytest.fixture
def lines(stream: Stream, lost: list[None]) -> Iterator[Lines]:
    with closing(Lines(stream, lambda: lost.append(None))) as lines:
        yield lines


@pytest.fixture
def ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are held for longer than a test lasts."""
    monkeypatch.setattr(lines_module, "HELD_SEC", 3600.0)


def test_a_held_line_is_written_soon_by_itself(lines: Lines, stream: Stream) -> None:
    for text in ("one\n", "two\n"):
        lines.info(text[:-1])
        wait_for(lambda text=text: stream.writes[-1:] == [text], within=LONG, what="a held line")  # type: ignore[misc]  # mypy knows no such lambda


@pytest.mark.usefixtures("ever")
def test_held_lines_are_written_together_before_the_first_that_is_urgent(lines: Lines, stream: Stream) -> None:
    lines.info("one")
    lines.debug("two")
    assert stream.writes == []
    lines.warning("three")
    assert stream.writes == ["one\ntwo\nthree\n"]


@pytest.mark.usefixtures("ever")
def test_not_more_than_so_many_are_held(lines: Lines, stream: Stream) -> None:
    for _ in range(MOST_HELD):
        lines.info("one")
    assert stream.writes == ["one\n" * MOST_HELD]


@pytest.mark.usefixtures("ever")
def test_the_end_writes_what_is_held_and_what_comes_later(stream: Stream) -> None:
    with closing(Lines(stream, lambda: None)) as lines:
        lines.info("one")
    assert stream.writes[:1] == ["one\n"]
    lines.info("two")
    assert stream.writes[-1] == "two\n"


@pytest.mark.usefixtures("ever")
def test_each_line_that_cannot_be_written_is_counted(lines: Lines, stream: Stream, lost: list[None]) -> None:
    stream.full = True
    lines.info("one")
    lines.error("two")
    assert len(lost) == 2
    stream.full = False
    lines.error("three")
    assert stream.writes == ["three\n"]
