"""A window of rows in work: so many are asked for at the same time, and their answers are kept in the rows' order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from uuid import uuid4

from adapters.cli.batch.answers import NONE_YET, Answer, Known, rejected
from adapters.cli.batch.journal import Journal
from adapters.cli.batch.progress import Progress
from adapters.cli.batch.rows import Row, request_of

AHEAD = 10
"""Windows that may be answered beyond the first row that is not: one slow person holds up nobody soon."""

BREATH = 100
"""Rows after which others may do something."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run goes through: the rows, what is known of them, where their answers go."""

    rows: Iterable[Row]
    columns: Mapping[str, int]
    known: Known
    journal: Journal
    progress: Progress


@dataclass(slots=True)
class _Entry:
    """One row in work. `answer`: what an earlier run knows of it."""

    row: Row
    answer: Answer
    task: asyncio.Task[Answer] | None = None

    @property
    def waits(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def broke(self) -> bool:
        return self.task is not None and self.task.done() and (self.task.cancelled() or bool(self.task.exception()))

    def now(self) -> Answer:
        """Its answer; that of an earlier run where this one has none."""
        return self.answer if self.task is None or self.waits or self.broke else self.task.result()


class Window:
    """Goes through the work, `size` rows asked for at once. Whatever ends it, what was answered is in the journal."""

    def __init__(self, work: Work, ask: Callable[[Mapping[str, object]], Awaitable[Answer]], size: int) -> None:
        self._work = work
        self._ask = ask
        self._free = asyncio.Semaphore(size)
        self._most = size * AHEAD
        self._entries: deque[_Entry] = deque()
        # With its dashes: the log shows no digits in a row that could be a document, but a UUID it knows.
        self._run = str(uuid4())
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """All rows. Raises the first Failure of any of them."""
        async with self._kept():
            for number, row in enumerate(self._work.rows, 1):
                self._entries.append(await self._begun(number, row))
                await self._keep(self._most)
                if number % BREATH == 0:
                    # Where all rows are known nothing else is waited for, and Ctrl-C would have to wait for the end.
                    await asyncio.sleep(0)
            await self._keep(0)

    async def _begun(self, number: int, row: Row) -> _Entry:
        known = self._work.known.of(row) or NONE_YET
        if row.blank or known.settled:
            self._work.progress.kept(known)
            return _Entry(row, known)
        request = request_of(row, self._work.columns, f"{self._run}-{number}")
        if isinstance(request, str):
            self._work.progress.answered(refusal := rejected(request))
            return _Entry(row, refusal)
        await self._free.acquire()
        if self._failure is not None:
            raise self._failure
        return _Entry(row, known, asyncio.create_task(self._answered(request)))

    async def _answered(self, request: Mapping[str, object]) -> Answer:
        try:
            answer = await self._ask(request)
        except Exception as failure:
            self._failure = self._failure or failure
            raise
        finally:
            self._free.release()
        self._work.progress.answered(answer)
        return answer

    async def _keep(self, most: int) -> None:
        """Write the rows that are done up to the first that is not; wait for it while there are more than `most`."""
        while self._entries and (len(self._entries) > most or not self._entries[0].waits):
            first = self._entries[0]
            if first.task is not None:
                await first.task
            done = list(takewhile(lambda entry: not entry.waits and not entry.broke, self._entries))
            self._work.journal.write((entry.row, entry.now()) for entry in done)
            for _ in done:
                self._entries.popleft()

    @asynccontextmanager
    async def _kept(self) -> AsyncIterator[None]:
        """Broken off, keep what is answered; rows between that have no answer are left without one."""
        try:
            yield
        finally:
            tasks = [entry.task for entry in self._entries if entry.task is not None]
            ended = [entry.now() for entry in self._entries]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            last = max((place for place, answer in enumerate(ended, 1) if answer is not NONE_YET), default=0)
            rows = [entry.row for entry in self._entries]
            self._work.journal.write(zip(rows[:last], ended[:last], strict=True))
