"""Makes batches of what is asked at the same time, and posts several of them at once."""

import asyncio
import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Self

from adapters.cli.client import HttpDestination
from adapters.cli.errors import Failure
from adapters.cli.http_client import MAX_BATCH, HttpClient
from function.result import LookupResult

POSTERS = 4
SILENCE_SEC = 300.0
"""Beyond any time limit that a service would have for one lookup."""

Waiting = tuple[Mapping[str, object], asyncio.Future[LookupResult]]


class BatchClient:
    """A Client over HTTP. For one event loop."""

    def __init__(self, address: HttpDestination, window: int) -> None:
        self._client = HttpClient(address, SILENCE_SEC, POSTERS)
        self._size = max(1, min(MAX_BATCH, window // POSTERS))
        self._waiting: list[Waiting] = []
        self._free = POSTERS
        self._posts: queue.SimpleQueue[Sequence[Waiting] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        for _ in range(POSTERS):
            # Daemons: whoever breaks the run off does not wait for what is under way.
            threading.Thread(target=self._post, daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for end in [None] * POSTERS:
            self._posts.put(end)

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person, along with whom else is asked for now."""
        answer: asyncio.Future[LookupResult] = self._loop.create_future()
        self._waiting.append((request, answer))
        # Those who ask in this turn of the loop come along.
        self._loop.call_soon(self._hand_out)
        return await answer

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            batch = self._waiting[: self._size]
            del self._waiting[: self._size]
            self._free -= 1
            self._posts.put(batch)

    def _post(self) -> None:
        while (batch := self._posts.get()) is not None:
            said: Sequence[LookupResult] | Failure
            try:
                said = self._client.ask_many([request for request, _ in batch])
            except Failure as failure:
                said = failure
            if self._loop.is_closed():
                return
            self._loop.call_soon_threadsafe(self._settle, batch, said)
        self._client.close()

    def _settle(self, batch: Sequence[Waiting], said: Sequence[LookupResult] | Failure) -> None:
        self._free += 1
        for place, (_request, answer) in enumerate(batch):
            if answer.done():
                continue
            if isinstance(said, Failure):
                answer.set_exception(said)
            else:
                answer.set_result(said[place])
        self._hand_out()
