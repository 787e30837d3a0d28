"""Looks up the rows of a table, several at a time, and writes their answers to the journal."""

import asyncio
import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from uuid import uuid4

from adapters.cli.batch.journal import Journal
from adapters.cli.batch.requests import NO_PERSON, RequestReader
from adapters.cli.batch.rows import NO_ANSWER, Row, RowAnswer
from adapters.cli.destination import RetryLater, ServiceUnreachable
from adapters.cli.errors import Failure
from adapters.cli.stdout import printable
from adapters.runtime.backoff import Backoff
from function.outcomes import Reason, Status
from function.result import LookupResult

if TYPE_CHECKING:
    # rich is slow to import; --help does not need it.
    from adapters.cli.batch.progress import Progress

TRIES = 3
"""Attempts per row; replies that only say "wait" do not count."""
FIRST_RETRY_SEC = 1.0
MAX_RETRY_SEC = 15.0
ROWS_A_TURN = 100
"""Rows after which other tasks run, and Ctrl-C is handled, even if no row has to wait."""


class Client(Protocol):
    """A way to the service."""

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person. Raises RequestRefused, ServiceUnreachable, RetryLater."""


class Limits(NamedTuple):
    """Limits of a run. `concurrency`: rows at the same time; `stall_sec`: time without any answer that ends the run.

    `reply_sec`: timeout of one reply over RabbitMQ, where `failed` means that the service has used up its retries;
    None over HTTP, where a failed row is tried again.
    """

    concurrency: int
    stall_sec: float
    reply_sec: float | None


class Runner:
    """One run. Its answers are in the journal, also after a failure."""

    def __init__(self, journal: Journal, reader: RequestReader, progress: "Progress", limits: Limits) -> None:
        self._journal = journal
        self._reader = reader
        self._progress = progress
        self._limits = limits
        self._free = asyncio.Semaphore(limits.concurrency)
        self._reached = False
        # With dashes: the log withholds digits that could be a document, but shows UUIDs.
        self._run_id = str(uuid4())

    async def run(self, rows: Iterable[Row], client: Client) -> None:
        """Ask for all rows. Raises the first Failure."""
        self._stall = asyncio.timeout(self._limits.stall_sec)
        try:
            async with self._stall, asyncio.TaskGroup() as tasks:
                for number, row in enumerate(rows, 1):
                    if request := self._request(number, row):
                        await self._free.acquire()
                        tasks.create_task(self._ask(client, request, number, row))
                    if number % ROWS_A_TURN == 0:
                        await asyncio.sleep(0)
        except TimeoutError:
            why = self._progress.problem or "no reply came"
            raise Failure(f"nobody was answered for {self._limits.stall_sec:g} s ({why})") from None
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    def _request(self, number: int, row: Row) -> dict[str, str] | None:
        """The request for a row; None if it needs none."""
        answer = self._journal.answer(number, row)
        if answer.final:
            self._progress.add(answer, known=True)
            return None
        if self._reader.is_person(row):
            try:
                return self._reader.read(row, f"{self._run_id}-{number}")
            except ValueError as fault:
                answer = RowAnswer("", Status.REJECTED.value, str(fault))
        else:
            answer = NO_PERSON if any(row.texts) else NO_ANSWER
        self._put(number, row, answer)
        return None

    def _put(self, number: int, row: Row, answer: RowAnswer, *, asked: bool = False) -> None:
        self._journal.put(number, row, answer)
        self._progress.add(answer, asked=asked)

    async def _ask(self, client: Client, request: Mapping[str, object], number: int, row: Row) -> None:
        try:
            self._put(number, row, await self._answer(client, request), asked=True)
        finally:
            self._free.release()
        # Answers that came together are committed together.
        await asyncio.sleep(0)
        self._journal.commit()

    async def _answer(self, client: Client, request: Mapping[str, object]) -> RowAnswer:
        """Ask until there is an answer: rate limits, outages and open circuits only delay it."""
        tries = 0
        backoff = Backoff(FIRST_RETRY_SEC, MAX_RETRY_SEC)
        while True:
            wait = 0.0
            try:
                async with asyncio.timeout(self._limits.reply_sec):
                    result = await client.ask(request)
            except TimeoutError:
                why = f"no reply came over RabbitMQ in {self._limits.reply_sec:g} s; the next run asks again"
                return RowAnswer("", Status.FAILED.value, why)
            except RetryLater as later:
                wait = later.retry_after
                self._progress.problem = str(later)
            except ServiceUnreachable as failure:
                if not self._reached:
                    # Never reached: a wrong address, not an outage.
                    raise
                self._progress.problem = str(failure)
            else:
                self._reached = True
                if result.status is not Status.FAILED:
                    self._stall.reschedule(asyncio.get_running_loop().time() + self._limits.stall_sec)
                    return self._reader.answer(result)
                self._progress.problem = printable(result.details)
                tries += _is_try(result)
                if self._limits.reply_sec or tries >= TRIES:
                    return self._reader.answer(result)
            await asyncio.sleep(wait or backoff.next())


class Interrupts:
    """Handles SIGINT and SIGTERM: the first one cancels the run, further ones are ignored while it ends.

    Before there is a `task`, the first one raises KeyboardInterrupt.
    """

    task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, before)

    def _handle(self, *_: object) -> None:
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        if self.task is None:
            raise KeyboardInterrupt
        if not self.task.done():
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)


def _is_try(result: LookupResult) -> bool:
    """Whether the reply counts as an attempt, by the reason's code at the beginning of the details."""
    try:
        return Reason(result.details.partition(":")[0]).is_failure
    except ValueError:
        return True
