"""Counts the requests to the emulated services, in all and by person, and the replies. `GET /stats` shows the counts."""

from collections import Counter
from enum import StrEnum

from pydantic import BaseModel, Field


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


class Stats(BaseModel):
    """The counts so far."""

    calls: dict[str, int] = Field(default_factory=lambda: {step.value: 0 for step in Step})  # by step
    persons: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Calls of each person, by key and step: `find`, `get`, `legacy`, `apifns` where there was one."""
    captchas: int = 0
    statuses: Counter[int] = Field(default_factory=Counter)

    @property
    def finds(self) -> int:
        """The number of searches at the tax service, in either protocol."""
        return self.calls[Step.FIND] + self.calls[Step.LEGACY]

    @property
    def gets(self) -> int:
        """The number of polls."""
        return self.calls[Step.GET]

    def of(self, key: str) -> int:
        """How often this person was searched for at the tax service, in either protocol."""
        calls = self.persons.get(key, {})
        return calls.get(Step.FIND, 0) + calls.get(Step.LEGACY, 0)

    def add_person(self, step: Step, key: str) -> None:
        """Count a call for this person."""
        self.persons.setdefault(key, Counter())[step] += 1
