"""Counts the requests to the emulated services: in all, by person, by time. `GET /stats` shows the counts."""

import time
from collections import Counter, deque
from enum import StrEnum
from http import HTTPStatus

from pydantic import BaseModel

MAX_TIMES = 20_000
"""Times that are kept of each step: the latest ones."""


class Step(StrEnum):
    """The kinds of requests."""

    FIND = "find"
    GET = "get"
    LEGACY = "legacy"
    PAGE = "page"
    CONSENT_PAGE = "consent_page"
    CONSENT = "consent"
    APIFNS = "apifns"
    STAT = "stat"


TAX_STEPS = frozenset({Step.FIND, Step.GET, Step.LEGACY})
"""The steps that count as in flight."""


class Stats(BaseModel):
    """The counts at one moment. Times are seconds of the machine's monotonic clock, the same for all processes."""

    now: float
    calls: dict[str, int]
    """By step, as are `persons` and `times`."""
    persons: dict[str, dict[str, int]]
    """Calls of each person, by key: `find`, `get`, `legacy`, `apifns` where there was one."""
    captchas: int
    statuses: dict[int, int]
    in_flight: int
    max_in_flight: int
    """Of find, get and legacy together."""
    times: dict[str, list[float]]
    """When calls came in, oldest first."""
    closings: list[float]
    """Times of replies with a captcha or status 429."""

    @property
    def finds(self) -> int:
        """The number of searches at the tax service, in either protocol."""
        return self.calls[Step.FIND] + self.calls[Step.LEGACY]

    @property
    def gets(self) -> int:
        """The number of polls."""
        return self.calls[Step.GET]

    @property
    def searched(self) -> list[float]:
        """Times of the searches at the tax service, in either protocol."""
        return sorted(self.times[Step.FIND] + self.times[Step.LEGACY])

    def of(self, key: str) -> int:
        """How often this person was searched for at the tax service, in either protocol."""
        calls = self.persons.get(key, {})
        return calls.get(Step.FIND, 0) + calls.get(Step.LEGACY, 0)


class Counts:
    """Counts calls, for one event loop only."""

    def __init__(self) -> None:
        self.reset()
        self._in_flight = 0

    def reset(self) -> None:
        """Start at 0; what is in flight stays in flight."""
        self._calls = dict.fromkeys(Step, 0)
        self._persons: dict[str, Counter[Step]] = {}
        self._times: dict[Step, deque[float]] = {step: deque(maxlen=MAX_TIMES) for step in Step}
        self._statuses: Counter[int] = Counter()
        self._captchas = 0
        self._closings: deque[float] = deque(maxlen=MAX_TIMES)
        self._max_in_flight = 0

    def calls(self, step: Step) -> int:
        """How many came in."""
        return self._calls[step]

    def start(self, step: Step) -> None:
        """Count a call that has come in."""
        self._calls[step] += 1
        self._times[step].append(time.monotonic())
        if step in TAX_STEPS:
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def add_person(self, step: Step, key: str) -> None:
        """Count the call for this person."""
        self._persons.setdefault(key, Counter())[step] += 1

    def add_reply(self, status: int, *, captcha: bool) -> None:
        """Count a reply that goes out."""
        self._statuses[status] += 1
        if captcha:
            self._captchas += 1
        if captcha or status == HTTPStatus.TOO_MANY_REQUESTS:
            self._closings.append(time.monotonic())

    def end(self, step: Step) -> None:
        """Count the end of a call, successful or not."""
        if step in TAX_STEPS:
            self._in_flight -= 1

    def stats(self, *, brief: bool) -> Stats:
        """The counts now; `brief`: without persons and times."""
        return Stats(
            now=time.monotonic(),
            calls=dict(self._calls),
            persons={} if brief else {key: dict(steps) for key, steps in self._persons.items()},
            captchas=self._captchas,
            statuses=self._statuses,
            in_flight=self._in_flight,
            max_in_flight=self._max_in_flight,
            times={step: [] if brief else list(times) for step, times in self._times.items()},
            closings=[] if brief else list(self._closings),
        )
