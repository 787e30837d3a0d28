"""How far a run is: rows counted by what became of them."""

import time
from collections import Counter
from collections.abc import Callable

from adapters.cli.batch.answers import Answer
from function.outcomes import Status


class Progress:
    """Counts rows; `tick` is called after each, and when there is trouble."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.known = 0
        self.asked = 0
        self.trouble = ""
        self.tick: Callable[[], object] = int
        self._begun = time.monotonic()

    def kept(self, answer: Answer) -> None:
        """A row need not be asked for."""
        self.known += bool(answer.status)
        self._count(answer)

    def answered(self, answer: Answer) -> None:
        """A row was answered."""
        self.asked += 1
        if answer.status != Status.FAILED:
            self.trouble = ""
        self._count(answer)

    def waits(self, trouble: str) -> None:
        """Why there is no answer now; it stands until the next one."""
        self.trouble = trouble
        self.tick()

    @property
    def rows(self) -> int:
        """All so far."""
        return self.counts.total()

    @property
    def failed(self) -> int:
        """Those that the next run asks for again."""
        return self.counts[Status.FAILED]

    def by_status(self) -> str:
        """How many of each."""
        return ", ".join(f"{self.counts[status]} {status.value}" for status in Status if self.counts[status])

    def now(self) -> str:
        """How many of each, and why it stands if it does."""
        return "; ".join(filter(None, (self.by_status(), self.trouble)))

    def summary(self) -> str:
        """All of it in one line."""
        seconds = max(time.monotonic() - self._begun, 0.001)
        known = f"; {self.known} were known already" if self.known else ""
        rate = f"{self.asked} asked for in {seconds:.1f} s, {self.asked / seconds:.0f} a second"
        return f"{self.rows} rows: {self.by_status() or 'none with a person'}; {rate}{known}"

    def _count(self, answer: Answer) -> None:
        self.counts[answer.status] += 1
        self.tick()
