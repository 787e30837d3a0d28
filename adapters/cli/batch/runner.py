"""Looks up the rows of a table, several at a time, writes their answers to the journal, and shows the progress."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from adapters.cli.batch.journal import Journal
from adapters.cli.client import FIRST_RETRY_SEC, LONGEST_RETRY_SEC, Client, RetryLater, ServiceFault, ServiceUnreachable
from adapters.cli.errors import Failure, printable
from adapters.runtime.backoff import Backoff
from adapters.tables.row_mapping import NO_PERSON, RowAnswer, is_person, read_answer, read_request
from adapters.tables.table_file import Row
from function.outcomes import Status

TRIES = 3  # attempts per row; replies that only say "wait" do not count
REPORT_SEC = 60.0  # seconds between two lines on standard error without a terminal


class Progress(RichProgress):
    """The rows so far by status, shown on standard error: a bar on a terminal, else at most a line a minute.

    `problem`: why there is no answer now. Its one task has the number of rows.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.problem = ""
        self._known = self._asked = 0
        self._begun = time.monotonic()
        self._next_report = self._begun + REPORT_SEC
        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), "{task.description}")
        # Draws itself once, still without a task.
        super().__init__(*columns, console=console, disable=not console.is_interactive)

    def add(self, answer: RowAnswer, *, asked: bool = False, known: bool = False) -> None:
        """Count a row: `asked` for now, `known` from an earlier run, or neither (no person, or rejected)."""
        self._asked += asked
        self._known += known
        self.counts[answer.status] += 1
        if asked and answer.status != Status.FAILED:
            self.problem = ""
        self._report()

    def stand(self, problem: str) -> None:
        """Show why there is no answer now, until the next one."""
        self.problem = problem
        self._report()

    def summary(self) -> str:
        """The counts, duration and rate in one line."""
        known = f"; {self._known} were known already" if self._known else ""
        rate = f"{self._asked} asked for in {self._seconds:.1f} s, {self._asked / self._seconds:.0f} a second"
        return f"{self.counts.total()} rows: {self._by_status() or 'none'}; {rate}{known}"

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bar, and the problem in a line below it: drawn by a thread."""
        rows = self.counts.total()
        rate = f"{rows / self._seconds:.0f}/s"
        for task in self.task_ids:
            self.update(task, completed=rows, description=f"{rate} {self._by_status()}")
        yield from super().get_renderables()
        if self.problem:
            yield Text(self.problem, no_wrap=True, overflow="ellipsis")

    @property
    def _seconds(self) -> float:
        return max(time.monotonic() - self._begun, 0.001)

    def _by_status(self) -> str:
        counts = [f"{self.counts[status]} {status.value}" for status in Status if self.counts[status]]
        return ", ".join(counts + ([f"{self.counts['']} without a person"] if self.counts[""] else []))

    def _report(self) -> None:
        if self.disable and time.monotonic() > self._next_report:
            self._next_report = time.monotonic() + REPORT_SEC
            state = "; ".join(filter(None, (self._by_status(), self.problem)))
            self.console.out(f"inn: {self.counts.total()} rows so far{state and ': '}{state}", highlight=False)


@dataclass(eq=False)
class Runner:
    """One run. Its answers are in the journal, also after a failure.

    `concurrency`: rows at the same time; `stall_sec`: time without any answer that ends the run; `reply_sec`: timeout of
    one reply over RabbitMQ; None over HTTP.
    """

    journal: Journal
    progress: Progress
    concurrency: int
    stall_sec: float
    reply_sec: float | None

    async def run(self, client: Client) -> None:
        """Ask for all rows. Raises the first Failure, BrokerRefused or WrongTable."""
        self._run_id = uuid4()  # with dashes: the log shows UUIDs, and withholds digits that could be a document
        self._reached = False
        rows = enumerate(self.journal.table.rows(), 1)
        try:
            async with asyncio.timeout(self.stall_sec) as self._stall, asyncio.TaskGroup() as workers:
                for _ in range(min(self.concurrency, self.journal.total)):
                    workers.create_task(self._work(client, rows))
        except TimeoutError:
            why = self.progress.problem or "no reply came"
            raise Failure(f"nobody was answered for {self.stall_sec:g} s ({why})") from None
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _work(self, client: Client, rows: Iterator[tuple[int, Row]]) -> None:
        """Answer rows until none is left."""
        for number, row in rows:
            if request := self._request(number, row):
                answer = await self._answer(client, request)
                self.journal.put(number, row, answer)
                self.progress.add(answer, asked=True)
            # Other workers run, and Ctrl-C is handled, even if no row has to wait. What they put is committed together.
            await asyncio.sleep(0)
            self.journal.commit()

    def _request(self, number: int, row: Row) -> dict[str, str] | None:
        """The request for a row; None if it needs none."""
        answer = known = self.journal.answer(number, row)
        if known.status in ("", Status.FAILED):
            answer = NO_PERSON if any(row.texts) else RowAnswer()
            if is_person(self.journal.table, row):
                try:
                    return read_request(self.journal.table, row, f"{self._run_id}-{number}")
                except ValueError as fault:
                    answer = RowAnswer("", Status.REJECTED.value, str(fault))
            self.journal.put(number, row, answer)
        self.progress.add(answer, known=answer is known)
        return None

    async def _answer(self, client: Client, request: Mapping[str, object]) -> RowAnswer:
        """Ask until there is an answer: rate limits, outages and open circuits only delay it."""
        tries = 0
        backoff = Backoff(FIRST_RETRY_SEC, LONGEST_RETRY_SEC)
        while True:
            wait = 0.0
            try:
                async with asyncio.timeout(self.reply_sec):
                    result = await client.ask(request)
            except TimeoutError:
                why = f"no reply came over RabbitMQ in {self.reply_sec:g} s; the next run asks again"
                return RowAnswer("", Status.FAILED.value, why)
            except ServiceUnreachable as failure:
                if not self._reached:
                    raise  # never reached: a wrong address, not an outage
                self.progress.stand(str(failure))
            except (RetryLater, ServiceFault) as failure:
                self._reached = True
                self.progress.stand(str(failure))
                tries += failure.is_try
                if tries == TRIES:
                    return RowAnswer("", Status.FAILED.value, str(failure))
                wait = failure.retry_after
            else:
                self._reached = True
                if result.status is Status.FAILED:
                    self.progress.stand(printable(result.details))
                else:
                    self._stall.reschedule(asyncio.get_running_loop().time() + self.stall_sec)
                return read_answer(self.journal.table, result)
            await asyncio.sleep(wait or backoff.next())
