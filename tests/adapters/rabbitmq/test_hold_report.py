"""What a lane tells while its messages wait: each try by its reason, an outage of the store once."""

from collections import Counter

import pytest

from adapters.rabbitmq.hold_report import OUTAGE_LOG_SEC, HoldReport
from function.outcomes import Answered, Deferred, InProgress, Outcome, Reason, Rejected
from function.telemetry import Observer
from tests.doubles import KNOWN, request

AWAY, CLOSED = Deferred(request(), Reason.STORE_UNAVAILABLE), Deferred(request(), Reason.PROVIDER_CLOSED, 20)
ANSWERED, NOT_CACHED = Answered(request(), KNOWN, cached=True), Deferred(request(), Reason.NOT_CACHED)
FETCHED_BY_ANOTHER, REJECTED = InProgress(request()), Rejected("r-1", ())
BUG = Deferred(request(), Reason.INTERNAL_ERROR)

Happening = tuple[float, str, list[Outcome]]
"""When, in seconds; what became of the outcomes: held or released."""


class Told(Observer):
    def __init__(self) -> None:
        self.lines: list[tuple[str, float]] = []
        self.holds: Counter[str] = Counter()

    def held(self, reason: str, count: int) -> None:
        self.holds[reason] += count

    def event(self, name: str, /, **facts: str | float) -> None:
        assert facts["queue"] == "inn.lookup"
        self.lines.append((name, float(facts.get("seconds", 0))))


def told(happenings: list[Happening]) -> Told:
    now = [0.0]
    told = Told()
    report = HoldReport(told, "inn.lookup", lambda: now[0])
    for now[0], what, outcomes in happenings:
        getattr(report, f"report_{what}")(outcomes)
    return told


@pytest.mark.parametrize(
    ("outcomes", "counted"),
    [
        pytest.param([AWAY], {"store_unavailable": 1}, id="the store is away"),
        pytest.param([AWAY] * 64, {"store_unavailable": 64}, id="for a whole batch"),
        pytest.param([FETCHED_BY_ANOTHER], {"in_progress": 1}, id="another worker fetches the person"),
        pytest.param([AWAY, FETCHED_BY_ANOTHER], {"store_unavailable": 1, "in_progress": 1}, id="each for its own reason"),
        pytest.param([CLOSED], {}, id="a closed provider, which is told once, elsewhere"),
    ],
)  # fmt: skip
def test_each_try_in_vain_counts_by_its_reason(outcomes: list[Outcome], counted: dict[str, int]) -> None:
    assert told([(0, "held", outcomes)]).holds == counted


LINES: dict[str, tuple[list[Happening], list[tuple[str, float]]]] = {
    "nothing, while nothing waits": ([(0, "released", [ANSWERED]), (1, "released", [NOT_CACHED])], []),
    "nothing, while messages wait for something else": ([(0, "held", [CLOSED]), (1, "held", [FETCHED_BY_ANOTHER])], []),
    "one line for an outage, however many tries": ([(second, "held", [AWAY] * 9) for second in range(600)], [("store_unavailable", 0)]),
    "its end, once an answer is found": (
        [(0, "held", [AWAY]), (7, "released", [ANSWERED]), (8, "released", [ANSWERED])],
        [("store_unavailable", 0), ("store_available", 7)],
    ),
    "its end, once the store knows that it has none": (
        [(0, "held", [AWAY]), (7, "released", [REJECTED, NOT_CACHED])],
        [("store_unavailable", 0), ("store_available", 7)],
    ),
    "its end, once a message waits for something else": (
        [(0, "held", [AWAY]), (7, "held", [CLOSED])],
        [("store_unavailable", 0), ("store_available", 7)],
    ),
    "no end, where the store was not asked": ([(0, "held", [AWAY]), (7, "released", [REJECTED, BUG])], [("store_unavailable", 0)]),
    "no more of a store that comes and goes": (
        [(0, "held", [AWAY]), (1, "released", [ANSWERED]), (2, "held", [AWAY]), (3, "released", [ANSWERED])],
        [("store_unavailable", 0), ("store_available", 1)],
    ),
    "a minute later, that it is away again": (
        [(0, "held", [AWAY]), (1, "released", [ANSWERED]), (2, "held", [AWAY]), (1 + OUTAGE_LOG_SEC, "held", [AWAY])],
        [("store_unavailable", 0), ("store_available", 1), ("store_unavailable", 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("happenings", "lines"), LINES.values(), ids=LINES.keys())
def test_the_log_is_told(happenings: list[Happening], lines: list[tuple[str, float]]) -> None:
    assert told(happenings).lines == lines
