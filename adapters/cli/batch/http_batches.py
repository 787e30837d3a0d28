"""Asks over HTTP for many rows at once: those that wait at the same time are posted together, several posts at a time."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Self

from adapters.cli.client import HttpDestination
from adapters.cli.http_client import MAX_BATCH, HttpClient
from adapters.runtime.startup import in_daemon_thread
from function.result import LookupResult

POSTS = 4
SILENCE_SEC = 300.0
"""Beyond any time limit that a service would have for one lookup."""

Waiting = tuple[Mapping[str, object], asyncio.Future[LookupResult]]


class HttpBatches:
    """A client for one event loop. `concurrency`: requests that wait at the same time."""

    def __init__(self, to: HttpDestination, concurrency: int) -> None:
        self._client = HttpClient(to, SILENCE_SEC, POSTS)
        self._size = max(1, min(MAX_BATCH, concurrency // POSTS))
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._posting = [asyncio.create_task(self._post_batches()) for _ in range(POSTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)
        self._client.close()

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person, together with others who are asked for at the same time."""
        result: asyncio.Future[LookupResult] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((request, result))
        return await result

    async def _post_batches(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            batch += [self._waiting.get_nowait() for _ in range(min(self._size - 1, self._waiting.qsize()))]
            # In a daemon thread: a run that is interrupted does not wait for what is under way.
            post = in_daemon_thread(partial(self._client.ask_many, [request for request, _ in batch]))
            [results] = await asyncio.gather(asyncio.wrap_future(post), return_exceptions=True)
            for place, (_, waiting) in enumerate(batch):
                if isinstance(results, BaseException) and not waiting.done():
                    waiting.set_exception(results)
                elif not isinstance(results, BaseException) and not waiting.done():
                    waiting.set_result(results[place])
