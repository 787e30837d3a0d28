"""Asks over HTTP for many rows at once: those that wait at the same time are posted together, several posts at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import Self

from adapters.cli.client import HttpDestination
from adapters.cli.errors import Failure
from adapters.cli.http_client import MAX_BATCH, HttpClient
from function.result import LookupResult

POSTS = 4
SILENCE_SEC = 300.0
"""Beyond any time limit that a service would have for one lookup."""

Waiting = tuple[Mapping[str, object], asyncio.Future[LookupResult]]


class HttpBatches:
    """A client for one event loop. `concurrency`: requests that wait at the same time."""

    def __init__(self, address: HttpDestination, concurrency: int) -> None:
        self._client = HttpClient(address, SILENCE_SEC, POSTS)
        self._size = max(1, min(MAX_BATCH, concurrency // POSTS))
        self._waiting: list[Waiting] = []
        self._free = POSTS
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._waiting.clear()
        self._client.close()

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person, together with those that are asked for in the same turn of the loop."""
        result: asyncio.Future[LookupResult] = self._loop.create_future()
        self._waiting.append((request, result))
        self._loop.call_soon(self._post_waiting)
        return await result

    def _post_waiting(self) -> None:
        while self._free and self._waiting:
            batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            self._free -= 1
            # A daemon: a run that is interrupted does not wait for what is under way.
            Thread(target=self._post, args=(batch,), daemon=True).start()

    def _post(self, batch: Sequence[Waiting]) -> None:
        results: Sequence[LookupResult] | Failure
        try:
            results = self._client.ask_many([request for request, _ in batch])
        except Failure as failure:
            results = failure
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, batch, results)

    def _deliver(self, batch: Sequence[Waiting], results: Sequence[LookupResult] | Failure) -> None:
        self._free += 1
        for place, (_, future) in enumerate(batch):
            if future.done():
                continue
            if isinstance(results, Failure):
                future.set_exception(results)
            else:
                future.set_result(results[place])
        self._post_waiting()
