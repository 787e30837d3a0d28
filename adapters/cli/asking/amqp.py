"""Asks over RabbitMQ: requests into the source queue, replies through direct reply-to."""

import asyncio
from collections.abc import Mapping
from typing import Self

from adapters.cli.asking.line import Line, opened
from adapters.cli.asking.places import Broker
from adapters.cli.quiet import silence_amqp
from function.request import LookupResult


class AmqpClient:
    """One connection, made when it is first needed, and anew once it is lost. For one event loop."""

    def __init__(self, broker: Broker) -> None:
        silence_amqp()
        self._broker = broker
        self._line: Line | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._line is not None:
            await self._line.close()

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Send one request and wait for its reply, for ever. Raises Refused, Unreached, NotNow."""
        async with self._opening:
            if self._line is not None and self._line.lost:
                await self._line.close()
                self._line = None
            if self._line is None:
                self._line = await opened(self._broker)
        return await self._line.ask(request)
