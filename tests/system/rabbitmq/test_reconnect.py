"""A lane that fails, on a real connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiormq.abc import AbstractConnection

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.errors import BrokerUnavailable
from adapters.rabbitmq.lanes import Lane
from adapters.rabbitmq.supervisor import LaneSupervisor
from adapters.runtime.backoff import Backoff
from tests.servers.process import free_port
from tests.system.rabbitmq.room import Room, until


class ActingLane(Lane):
    """A lane that does this with each of its `connections`, and then waits for the end."""

    queue = "of-a-test"

    def __init__(self, act: Callable[["ActingLane"], Awaitable[None]] | None = None) -> None:
        self.connections: list[BrokerConnection] = []
        self._act = act

    @property
    def connection(self) -> AbstractConnection:
        """What it has now."""
        return self.connections[-1].channel.connection

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        self.connections.append(connection)
        if self._act:
            await self._act(self)
        await stopping.wait()


async def test_a_lane_whose_waits_the_library_cancels_is_run_again(room: Room) -> None:
    async def cancelled(lane: ActingLane) -> None:
        if len(lane.connections) == 1:
            raise asyncio.CancelledError

    lane = ActingLane(cancelled)
    async with supervised(room, lane) as supervisor:
        await until(lambda: len(lane.connections) == 2 and supervisor.is_ready, "another connection")
    assert (room.heard.events, room.heard.errors) == ({"reconnecting": 1}, [])


class Recorded(Backoff):
    """A back-off that remembers its delays, and has none."""

    def __init__(self) -> None:
        super().__init__(1.0, 1000.0)
        self.delays: list[float] = []

    def next(self) -> float:
        self.delays.append(super().next())
        return 0


@asynccontextmanager
async def supervised(room: Room, lane: Lane, backoff: Backoff | None = None) -> AsyncIterator[LaneSupervisor]:
    """The lane at work until the end of the block."""
    supervisor, stopping = LaneSupervisor(lane, room.broker, room.heard, backoff), asyncio.Event()
    run = asyncio.create_task(supervisor.run(stopping))
    try:
        yield supervisor
    finally:
        stopping.set()
        await run


AWAY = BrokerUnavailable("unconfirmed")


async def test_only_a_bug_is_reported_as_an_error(room: Room) -> None:
    """Beside transient errors, too."""
    errors: list[Exception] = [AWAY, AWAY]

    async def fail(error: Exception) -> None:
        raise error

    async def stumble(_: ActingLane) -> None:
        async with asyncio.TaskGroup() as group:
            for error in errors:
                group.create_task(fail(error))

    async with supervised(room, ActingLane(stumble)) as supervisor:
        await until(lambda: supervisor.state == "unconfirmed", "the loss")
        assert room.heard.errors == []
        errors.append(KeyError())
        await until(lambda: supervisor.state == "lane_failed", "the bug")
    assert room.heard.errors


async def test_the_back_off_does_not_grow_while_connections_are_made_and_lost(room: Room) -> None:
    async def drop(lane: ActingLane) -> None:
        if len(lane.connections) <= 20:
            await lane.connection.close()

    lane, backoff = ActingLane(drop), Recorded()
    async with supervised(room, lane, backoff) as supervisor:
        await until(lambda: len(lane.connections) == 21 and supervisor.is_ready, "the connection after the last loss")
    assert room.heard.events["reconnecting"] == len(backoff.delays) == 20
    assert max(backoff.delays) <= 1
    assert all(connection.channel.connection.is_closed for connection in lane.connections)


async def test_the_back_off_grows_while_there_is_no_broker(room: Room) -> None:
    room.broker = room.broker._replace(uris=(room.node.uri.replace(str(room.node.port), str(free_port())),))
    backoff = Recorded()
    async with supervised(room, ActingLane(), backoff) as supervisor:
        await until(lambda: len(backoff.delays) > 4, "tries")
    assert supervisor.state == "connection_refused"
    assert backoff.delays[4] > 4 * backoff.delays[0]


async def _is_blocked(connection: AbstractConnection) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await connection.ready()
    except TimeoutError:
        return True
    return False


async def test_an_alarm_of_the_broker_is_waited_for_on_the_connection_that_it_blocks(room: Room) -> None:
    alarmed = True
    alarmed_at_the_second: list[bool] = []

    async def publish(lane: ActingLane) -> None:
        if len(lane.connections) > 1:
            alarmed_at_the_second.append(alarmed)
            return
        publishing = asyncio.create_task(lane.connections[0].channel.basic_publish(b"", routing_key="nowhere"))
        await until(lambda: _is_blocked(lane.connection), "the alarm")
        publishing.cancel()
        raise AWAY

    room.node.evaluate('vm_memory_monitor:set_vm_memory_high_watermark({absolute, "1MB"})')
    try:
        async with supervised(room, ActingLane(publish)) as supervisor:
            await until(lambda: supervisor.state == "unconfirmed", "the alarm to be noticed")
            # It takes longer than the pause before another connection would be made.
            await asyncio.to_thread(room.node.control, "list_connections")
            alarmed = False
            room.node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
            await until(lambda: bool(alarmed_at_the_second), "another connection")
    finally:
        room.node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
    assert alarmed_at_the_second == [False]
