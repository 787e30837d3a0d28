"""Supervises both lanes: runs each on its own connection, and reconnects. A failure of one does not stop the other.

Back-off grows only while connecting fails, not where a connection is made and lost: a message may be the cause. It is
soon delivered alone, and parked at the delivery limit; the messages behind it wait for each back-off.
"""

import asyncio
from time import monotonic

from adapters.rabbitmq.connection import BrokerConfig, BrokerConnection, open_connection
from adapters.rabbitmq.errors import UNCONFIRMED, BrokerRefused, BrokerUnavailable
from adapters.rabbitmq.lanes import DRAIN_SEC, FastLane, Lane, SlowLane
from adapters.rabbitmq.settlement import LaneContext
from adapters.runtime.backoff import Backoff, pause
from function.telemetry import Observer

FIRST_BACKOFF_SEC = 0.2  # also if a connection was made: a broker that drops each at once gets at most ten a second
LONGEST_BACKOFF_SEC = 5.0
CHECK_SEC = 5.0  # interval of the checks of a lane's queue
CONNECTED = "connected"


class LaneSupervisor:
    """Supervises one lane: connects, reconnects, and checks its queue. `state`: CONNECTED, or the code of an error."""

    def __init__(self, lane: Lane, broker: BrokerConfig, observer: Observer, backoff: Backoff | None = None) -> None:
        self.state = "not_connected"
        self._lane = lane
        self._broker = broker
        self._observer = observer
        self._backoff = backoff or Backoff(FIRST_BACKOFF_SEC, LONGEST_BACKOFF_SEC)

    @property
    def is_ready(self) -> bool:
        """Whether the lane is connected, and its queue answers."""
        return self.state == CONNECTED

    async def run(self, stopping: asyncio.Event) -> None:
        """Run the lane, on ever new connections, until `stopping` is set and it has settled its deliveries."""
        while not stopping.is_set():
            try:
                async with open_connection(self._broker, self._observer, queues=True) as connection:
                    self._backoff.reset()
                    self.state = CONNECTED
                    await self._work(connection, stopping)
            except BrokerUnavailable as unavailable:
                self.state = unavailable.code
            except BrokerRefused:
                self.state = "refused"
            except Exception as bug:  # noqa: BLE001  # deliveries are redelivered, and parked at the delivery limit
                self._observer.error("lane", bug)
                self.state = "lane_failed"
            else:
                return
            self._observer.event("reconnecting", queue=self._lane.queue, reason=self.state)
            await pause(self._backoff.next(), stopping)

    async def _work(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Run the lane until it ends or the connection is lost."""
        works = (connection.wait_lost(), self._lane.run(connection, stopping), self._check(connection, stopping))
        lost, run, _ = tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait((lost, run), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # An error of the lane after the connection was lost is only a consequence.
            first = lost if lost.done() else run
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # The library cancels what waits on a connection that it closes: a lane may end so before the loss is noticed.
        error = BrokerUnavailable("connection_lost") if first.cancelled() else first.exception()
        if error is not None:
            # A group that contains nothing else is one of them.
            if isinstance(error, BaseExceptionGroup) and error.split(BrokerUnavailable)[1] is None:
                error = error.exceptions[0]
            if isinstance(error, BrokerUnavailable):
                self.state = error.code
                await connection.wait_unblocked(stopping)
            raise error

    async def _check(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        """Set the state: whether the queue's leader answers, and publishes are confirmed."""
        await asyncio.sleep(CHECK_SEC)
        while not stopping.is_set():
            try:
                await connection.counts(self._lane.queue, consumed=True)
                self.state = UNCONFIRMED if connection.publisher.is_stalled else CONNECTED
            except BrokerUnavailable as unavailable:
                self.state = unavailable.code
            await asyncio.sleep(CHECK_SEC)


class Consumer:
    """Both lanes. `prefetch`, `held`: the most unacknowledged deliveries of the fast and of the slow lane."""

    def __init__(self, broker: BrokerConfig, context: LaneContext, prefetch: int, held: int) -> None:
        self._lookups = context.lookups
        self._drained_by = 0.0
        self.fast = LaneSupervisor(FastLane(context, context.names.source, prefetch), broker, context.observer)
        self.slow = LaneSupervisor(SlowLane(context, context.names.lookup, held), broker, context.observer)

    async def run(self, stopping: asyncio.Event) -> None:
        """Run both lanes, through any outage, until `stopping` is set; then settle their deliveries, within bounds."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fast.run(stopping))
            group.create_task(self.slow.run(stopping))
            await stopping.wait()
            self._drained_by = monotonic() + DRAIN_SEC
            self._lookups.stop()

    def close(self) -> None:
        """End the threads. Running fetches whose connection was lost have the rest of the drain time."""
        self._lookups.close(max(0.0, self._drained_by - monotonic()))
