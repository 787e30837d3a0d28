"""Counts the rows of a run by status, and shows the progress."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from adapters.cli.batch.rows import RowAnswer
from function.outcomes import Status

REPORT_SEC = 60.0
"""Seconds between two lines without a terminal."""


class Progress:
    """The rows so far by status. `problem`: why there is no answer now, until the next one."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.problem = ""
        self._known = self._asked = 0
        self._begun = time.monotonic()

    def add(self, answer: RowAnswer, *, asked: bool = False, known: bool = False) -> None:
        """Count a row: `asked` for now, `known` from an earlier run, or neither (no person, or rejected)."""
        self._asked += asked
        self._known += known
        self.counts[answer.status] += 1
        if asked and answer.status != Status.FAILED:
            self.problem = ""

    def summary(self) -> str:
        """The counts, duration and rate in one line."""
        seconds = max(time.monotonic() - self._begun, 0.001)
        known = f"; {self._known} were known already" if self._known else ""
        rate = f"{self._asked} asked for in {seconds:.1f} s, {self._asked / seconds:.0f} a second"
        return f"{self.counts.total()} rows: {self._by_status() or 'none'}; {rate}{known}"

    @asynccontextmanager
    async def shown(self, total: int) -> AsyncIterator[None]:
        """Show the progress on standard error within the context: a bar on a terminal, else a line a minute."""
        console = Console(stderr=True)
        if console.is_terminal:
            bar = RichProgress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), "{task.description}")
            bar.add_task("", total=total)
            # Drawn by a thread.
            with Live(get_renderable=partial(self._frame, bar), console=console, refresh_per_second=10):
                yield
            return
        reporting = asyncio.create_task(self._report())
        try:
            yield
        finally:
            reporting.cancel()

    def _by_status(self) -> str:
        counts = [f"{self.counts[status]} {status.value}" for status in Status if self.counts[status]]
        return ", ".join(counts + ([f"{self.counts['']} without a person"] if self.counts[""] else []))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SEC)
            state = "; ".join(filter(None, (self._by_status(), self.problem)))
            sys.stderr.write(f"inn: {self.counts.total()} rows so far{state and ': '}{state}\n")
            sys.stderr.flush()

    def _frame(self, bar: RichProgress) -> RenderableType:
        """The bar, and the problem in a line below it."""
        rows = self.counts.total()
        rate = f"{rows / (time.monotonic() - self._begun):.0f}/s"
        bar.update(bar.task_ids[0], completed=rows, description=f"{rate} {self._by_status()}")
        problem = [Text(self.problem, no_wrap=True, overflow="ellipsis")] if self.problem else []
        return Group(*bar.get_renderables(), *problem)
