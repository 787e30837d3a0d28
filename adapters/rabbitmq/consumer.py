"""The consumer: both lanes, each on a connection of its own, so that what one chokes on does not stop the other.

Back-off grows only while connecting fails. A connection that was made and lost may have met a message that
ends connections: it is soon alone in hand and parked, while those behind it wait for each delay.
"""

import asyncio
from contextlib import AsyncExitStack
from time import monotonic
from typing import Protocol

from adapters.rabbitmq.connection import BrokerConfig, BrokerConnection, declare_queues, open_connection
from adapters.rabbitmq.errors import UNCONFIRMED, BrokerRefused, BrokerUnavailable
from adapters.rabbitmq.fast_lane import FastLane
from adapters.rabbitmq.settlement import LaneContext
from adapters.rabbitmq.slow_lane import DRAIN_SEC, SlowLane
from adapters.runtime.backoff import Backoff, pause
from function.telemetry import Observer

FIRST_BACKOFF_SEC = 0.2
"""After a connection that was made: a broker that drops each at once is asked for ten a second at the most."""
LONGEST_BACKOFF_SEC = 5.0
CHECK_SEC = 5.0
"""Between two checks of a lane's queue."""
CONNECTED = "connected"


class Lane(Protocol):
    """Works on one queue."""

    queue: str

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Work on this connection until `stopping` is set. Whatever it raises, it can be run again on another one."""


class LaneRunner:
    """Keeps one lane at work: connects, reconnects, and checks its queue. `state`: CONNECTED, or a code of what is wrong."""

    def __init__(self, lane: Lane, broker: BrokerConfig, observer: Observer, backoff: Backoff | None = None) -> None:
        self.state = "not_connected"
        self._lane = lane
        self._broker = broker
        self._observer = observer
        self._backoff = backoff or Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)
        self._connection: BrokerConnection | None = None
        self._stack = AsyncExitStack()

    @property
    def is_ready(self) -> bool:
        """Whether the lane works now."""
        return self.state == CONNECTED

    async def connect(self) -> BrokerConnection:
        """Connect, unless that is done, with the queues declared. Raises BrokerUnavailable or BrokerRefused."""
        if self._connection is None:
            connection = await self._stack.enter_async_context(open_connection(self._broker, self._observer))
            await declare_queues(connection, self._broker)
            self._connection = connection
        return self._connection

    async def disconnect(self) -> None:
        """Close the connection."""
        self._connection = None
        await self._stack.aclose()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the lane at work until `stopping` is set and it has settled what it had in hand."""
        while not stopping.is_set():
            why = ""
            try:
                connection = await self.connect()
                self._backoff.reset()
                self.state = CONNECTED
                await self._work(connection, stopping)
            except BrokerUnavailable as unavailable:
                why = self.state = unavailable.code
                if self._connection is not None:
                    await self._connection.wait_unblocked(stopping)
            except BrokerRefused:
                why = "refused"
            except Exception as bug:  # noqa: BLE001  # what is in hand comes again; at the delivery limit it is parked
                self._observer.error("lane", bug)
                why = "lane_failed"
            finally:
                await self.disconnect()
            if why:
                self.state = why
                self._observer.event("reconnecting", queue=self._lane.queue, reason=why)
                await pause(self._backoff.next(), stopping)

    async def _work(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Run the lane, unless the connection is lost first, which ends it."""
        run = asyncio.create_task(self._lane.run(connection, stopping))
        lost = asyncio.create_task(connection.wait_lost())
        check = asyncio.create_task(self._check(connection, stopping))
        try:
            await asyncio.wait((run, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # What the lane stumbled over when the connection went is not what went wrong.
            first = lost if lost.done() else run
            for task in (run, lost, check):
                task.cancel()
            await asyncio.gather(run, lost, check, return_exceptions=True)
        error = None if first.cancelled() else first.exception()
        if error is not None:
            raise _without_group(error)

    async def _check(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Set the state by whether the queue's leader answers and what was published is confirmed."""
        await pause(CHECK_SEC, stopping)
        while not stopping.is_set():
            try:
                await connection.counts(self._lane.queue, consumed=True)
                self.state = UNCONFIRMED if connection.publisher.is_stalled else CONNECTED
            except BrokerUnavailable as unavailable:
                self.state = unavailable.code
            await pause(CHECK_SEC, stopping)


class Consumer:
    """Both lanes. `prefetch`, `held`: deliveries that the fast and the slow one have in hand at most."""

    def __init__(self, broker: BrokerConfig, context: LaneContext, prefetch: int, held: int) -> None:
        self._lookups = context.lookups
        self._drained_by = 0.0
        self.fast = LaneRunner(FastLane(context, prefetch), broker, context.observer)
        self.slow = LaneRunner(SlowLane(context, held), broker, context.observer)

    async def connect(self) -> None:
        """Connect both lanes, the queues declared, for `run` to begin with. Raises BrokerUnavailable or BrokerRefused."""
        # One after the other: where there are no queues yet, they are made once.
        await self.fast.connect()
        await self.slow.connect()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work, through any outage, until `stopping` is set; then settle what is in hand, within bounds."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fast.run(stopping))
            group.create_task(self.slow.run(stopping))
            await stopping.wait()
            self._drained_by = monotonic() + DRAIN_SEC
            self._lookups.stop()

    async def disconnect(self) -> None:
        """Close connections that `connect` made and `run` did not use."""
        await self.fast.disconnect()
        await self.slow.disconnect()

    def close(self) -> None:
        """End the threads. Fetches under way whose connection was lost have what is left of the drain."""
        self._lookups.close(max(0.0, self._drained_by - monotonic()))


def _without_group(error: BaseException) -> BaseException:
    """What a lane's tasks ended with: where it is BrokerUnavailable for all of them, that alone, and no bug."""
    while isinstance(error, BaseExceptionGroup) and error.split(BrokerUnavailable)[1] is None:
        error = error.exceptions[0]
    return error
