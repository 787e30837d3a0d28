"""How a lane hears that it is to stop: its intake closes, and nobody sleeps in it any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.rabbitmq.intake import Intake
from adapters.rabbitmq.patience import Bell


@asynccontextmanager
async def closing(intake: Intake, bell: Bell, stopping: asyncio.Event) -> AsyncIterator[None]:
    """Open the intake; it is closed as soon as `stopping` is set, whatever the block does meanwhile."""
    await intake.open()
    closer = asyncio.create_task(_close(intake, bell, stopping))
    try:
        yield
        # The intake has nothing more to give only after it was closed.
        await closer
    finally:
        closer.cancel()


async def _close(intake: Intake, bell: Bell, stopping: asyncio.Event) -> None:
    await stopping.wait()
    bell.close()
    await intake.close()
