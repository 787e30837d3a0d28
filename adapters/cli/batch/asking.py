"""Asks until there is an answer: what is paced, shut or broken for a while only takes longer."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from adapters.cli.batch.answers import Answer, failed
from adapters.cli.client import RetryLater, ServiceUnreachable
from adapters.cli.errors import Failure
from adapters.cli.output import printable
from function.outcomes import Reason, Status
from function.result import LookupResult

TRIES = 3
"""Of a person whom the service tried to look up in vain. Waiting for one's turn is no try."""
FIRST_PAUSE_SEC = 1.0
LONGEST_PAUSE_SEC = 15.0


class Client(Protocol):
    """A way to the service."""

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person. Raises RequestRefused, ServiceUnreachable, RetryLater."""


@dataclass
class Asker:
    """Asks for any number of persons at the same time.

    `retries`: whether a `failed` reply is worth another try; over RabbitMQ the service has had its
    own. `patience`: seconds without any answer after which the whole run gives up. `reply_sec`: what one
    reply may take, None: the client bounds it. `tell` is called with each trouble that makes it wait.
    """

    client: Client
    retries: bool
    patience: float
    reply_sec: float | None = None
    tell: Callable[[str], object] = str

    def __post_init__(self) -> None:
        self._limit = asyncio.timeout(self.patience)
        self._any = False
        self._trouble = "no reply came"

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[None]:
        """While the answers are waited for. Raises Failure once the patience has ended."""
        try:
            async with self._limit:
                yield
        except TimeoutError:
            raise Failure(f"nobody was answered for {self.patience:g} s ({self._trouble})") from None

    async def answer(self, request: Mapping[str, object]) -> Answer:
        """The answer to one request. Raises Failure where no further try will help."""
        tries = 0
        pause = FIRST_PAUSE_SEC
        while True:
            wait = pause
            try:
                async with asyncio.timeout(self.reply_sec):
                    result = await self.client.ask(request)
            except TimeoutError:
                return failed(f"no reply came by way of RabbitMQ in {self.reply_sec:g} s; the next run asks again")
            except RetryLater as no:
                wait = no.retry_after or pause
                self._stands(str(no))
            except ServiceUnreachable as no:
                if not self._any:
                    # Nobody was there from the beginning: that is a wrong address, not an outage.
                    raise
                self._stands(str(no))
            else:
                reason = _reason(result)
                tries += reason is None or reason.is_failure
                if result.status is not Status.FAILED or not self.retries or tries >= TRIES:
                    self._note(result)
                    return Answer.of(result)
                self._any = True
                self._stands(printable(result.details))
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  # jitter is no secret
            pause = min(pause * 2, LONGEST_PAUSE_SEC)

    def _stands(self, trouble: str) -> None:
        self._trouble = trouble
        self.tell(trouble)

    def _note(self, result: LookupResult) -> None:
        self._any = True
        if result.status is Status.FAILED:
            self._stands(printable(result.details))
        else:
            self._limit.reschedule(asyncio.get_running_loop().time() + self.patience)


def _reason(result: LookupResult) -> Reason | None:
    """The code that the details of a failed reply begin with."""
    try:
        return Reason(result.details.partition(":")[0])
    except ValueError:
        return None
