"""Keeps one lane at work: connects, reconnects, and says how it stands.

Pauses grow only while no connection is had. One that was had and lost may have met a message that kills
connections: it is soon alone in flight and parked, while those behind it wait for each pause.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from adapters.rabbitmq.faults import BrokerAway, BrokerRefuses
from adapters.rabbitmq.session import Broker, Session, open_session
from function.telemetry import Observer

FIRST_PAUSE_SEC = 0.2
"""After a connection that was had: a broker that drops each at once is asked for ten a second at the most."""
LONGEST_PAUSE_SEC = 5.0


class Lane(Protocol):
    """Works on one queue."""

    queue: str

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        """Work on this connection until `stopping` is set. Whatever it raises, it can be run again on another one."""


class Link:
    """One lane and its connection. `state` is "connected", or a code of what is wrong."""

    def __init__(self, lane: Lane, broker: Broker, observer: Observer) -> None:
        self.state = "not_connected"
        self._lane = lane
        self._broker = broker
        self._observer = observer
        self._pause = FIRST_PAUSE_SEC
        self._reached: Session | None = None
        self._ends = AsyncExitStack()

    @property
    def connected(self) -> bool:
        """Whether the lane works now."""
        return self.state == "connected"

    async def reach(self) -> None:
        """Connect, unless that is done, for `run` to begin with. Raises BrokerAway or BrokerRefuses."""
        if self._reached is None:
            self._reached = await self._ends.enter_async_context(open_session(self._broker, self._observer))

    async def leave(self) -> None:
        """Let go of what was reached, where `run` has not done so."""
        self._reached = None
        await self._ends.aclose()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the lane at work until `stopping` is set and it has settled what it had in hand."""
        while not stopping.is_set():
            try:
                async with self._session() as session:
                    self.state, self._pause = "connected", FIRST_PAUSE_SEC
                    try:
                        await _until_lost(self._lane.run(session, stopping), session)
                    except BrokerAway as away:
                        self.state = str(away)
                        await _alarm_over(session, stopping)
                        raise
            except (BrokerAway, BrokerRefuses) as no:
                self._lost(str(no) if isinstance(no, BrokerAway) else "refused")
            except Exception as bug:  # noqa: BLE001  # what is in hand comes again; at the delivery limit it is parked
                self._observer.trouble("lane", bug)
                self._lost("lane_failed")
            if not stopping.is_set():
                await self._rest(stopping)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """What was reached, once; after that a new one."""
        reached, self._reached = self._reached, None
        if reached is None:
            async with open_session(self._broker, self._observer) as session:
                yield session
        else:
            try:
                yield reached
            finally:
                await self._ends.aclose()

    def _lost(self, why: str) -> None:
        self.state = why
        self._observer.event("reconnecting", queue=self._lane.queue, reason=why)

    async def _rest(self, stopping: asyncio.Event) -> None:
        try:
            # Replicas that lost the broker together do not come back to it in step.
            async with asyncio.timeout(self._pause * random.uniform(0.5, 1)):  # noqa: S311  # jitter is no secret
                await stopping.wait()
        except TimeoutError:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SEC)


async def _alarm_over(session: Session, stopping: asyncio.Event) -> None:
    """A broker with an alarm reads nothing of a connection, not even its end: a new one would only be one more."""
    tasks = {asyncio.create_task(session.unblocked()), asyncio.create_task(stopping.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _until_lost(work: Coroutine[object, object, None], session: Session) -> None:
    """Do the work, unless the connection is lost first, which ends it."""
    tasks = (asyncio.create_task(work), asyncio.create_task(session.lost()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost = tasks[1].done()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    # What the lane stumbled over when the connection went is not what went wrong.
    error = ended[1] if lost else ended[0]
    if isinstance(error, BaseException):
        raise _alone(error)


def _alone(error: BaseException) -> BaseException:
    """What a lane's tasks ended with: a broker that is away for all of them is one that is away, and no bug."""
    while isinstance(error, BaseExceptionGroup) and error.split(BrokerAway)[1] is None:
        error = error.exceptions[0]
    return error
