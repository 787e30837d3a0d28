"""A lane that stumbles, on a real connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiormq import Channel
from aiormq.abc import AbstractConnection

from adapters.rabbitmq.connection import BrokerConnection
from adapters.rabbitmq.consumer import LaneRunner
from adapters.rabbitmq.errors import BrokerUnavailable
from adapters.rabbitmq.messages import Message, Properties
from adapters.rabbitmq.publisher import Publisher
from adapters.rabbitmq.topology import QueueNames
from adapters.runtime.backoff import Backoff
from function.telemetry import Observer
from tests.servers.process import free_port
from tests.system.rabbitmq.room import Room, until


@asynccontextmanager
async def running(runner: LaneRunner) -> AsyncIterator[LaneRunner]:
    """A runner at work until the end of the block."""
    stopping = asyncio.Event()
    run = asyncio.create_task(runner.run(stopping))
    try:
        yield runner
    finally:
        stopping.set()
        await run


class Lane:
    """A lane that does this with each of its `connections`, and then waits for the end."""

    queue = "of-a-test"

    def __init__(self, act: Callable[["Lane"], Awaitable[None]] | None = None) -> None:
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


@pytest.mark.parametrize(
    ("errors", "state", "told"),
    [
        pytest.param(
            (BrokerUnavailable("unconfirmed"), BrokerUnavailable("unconfirmed")),
            "unconfirmed",
            0,
            id="a transient error",
        ),
        pytest.param((BrokerUnavailable("unconfirmed"), KeyError()), "lane_failed", 1, id="a bug beside it"),
    ],
)
async def test_only_a_bug_is_reported_as_an_error(
    room: Room, errors: tuple[Exception, ...], state: str, told: int
) -> None:
    async def stumble(_: Lane) -> None:
        async with asyncio.TaskGroup() as group:
            for error in errors:
                group.create_task(fail(error))

    async with running(LaneRunner(Lane(stumble), room.broker, room.heard)) as runner:
        await until(lambda: runner.state == state, state)
    assert min(1, len(room.heard.errors)) == told


async def fail(error: Exception) -> None:
    raise error


class Recorded(Backoff):
    """A back-off that remembers its delays, and has none."""

    def __init__(self) -> None:
        super().__init__(1.0, 1000.0)
        self.delays: list[float] = []

    def next(self) -> float:
        self.delays.append(super().next())
        return 0


async def test_the_back_off_does_not_grow_while_connections_are_made_and_lost(room: Room) -> None:
    async def drop(lane: Lane) -> None:
        if len(lane.connections) <= 20:
            await lane.connection.close()

    lane, backoff = Lane(drop), Recorded()
    async with running(LaneRunner(lane, room.broker, room.heard, backoff)) as runner:
        await until(lambda: len(lane.connections) == 21 and runner.is_ready, "the connection after the last loss")
    assert room.heard.events["reconnecting"] == len(backoff.delays) == 20
    assert max(backoff.delays) <= 1


async def test_the_back_off_grows_while_there_is_no_broker(room: Room) -> None:
    nobody = room.broker._replace(uris=(room.node.uri.replace(str(room.node.port), str(free_port())),))
    backoff = Recorded()
    async with running(LaneRunner(Lane(), nobody, room.heard, backoff)) as runner:
        await until(lambda: len(backoff.delays) > 4, "tries")
    assert runner.state == "connection_refused"
    assert backoff.delays[4] > 4 * backoff.delays[0]


class Unconfirming(Channel):
    """A channel whose broker confirms nothing."""

    def __init__(self) -> None:
        """Without a connection."""

    async def basic_publish(self, body: bytes, **_how: object) -> None:
        raise TimeoutError


@pytest.mark.parametrize("moved", ["", "bad_reply"], ids=["a reply", "a move"])
async def test_a_broker_that_confirms_nothing_is_away(moved: str) -> None:
    publisher = Publisher(Unconfirming(), QueueNames("inn"), Observer())
    with pytest.raises(BrokerUnavailable, match="unconfirmed"):
        await publisher.deliver(Message("customer", Properties(message_id="m"), b"", moved), "", asyncio.Event())


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

    async def publish(lane: Lane) -> None:
        if len(lane.connections) > 1:
            alarmed_at_the_second.append(alarmed)
            return
        publishing = asyncio.create_task(lane.connections[0].channel.basic_publish(b"", routing_key="nowhere"))
        await until(lambda: _is_blocked(lane.connection), "the alarm")
        publishing.cancel()
        raise BrokerUnavailable("unconfirmed")

    room.node.evaluate('vm_memory_monitor:set_vm_memory_high_watermark({absolute, "1MB"})')
    try:
        async with running(LaneRunner(Lane(publish), room.broker, room.heard)) as runner:
            await until(lambda: runner.state == "unconfirmed", "the alarm to be noticed")
            # It takes longer than the pause before another connection would be made.
            await asyncio.to_thread(room.node.control, "list_connections")
            alarmed = False
            room.node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
            await until(lambda: bool(alarmed_at_the_second), "another connection")
    finally:
        room.node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
    assert alarmed_at_the_second == [False]


@pytest.mark.parametrize(
    "lost",
    [pytest.param(False, id="and the lane works on that connection"), pytest.param(True, id="and is replaced if lost")],
)
async def test_the_first_connection_has_its_queues(room: Room, lost: bool) -> None:  # noqa: FBT001  # a row of a table
    lane = Lane()
    runner = LaneRunner(lane, room.broker, room.heard)
    first = await runner.connect()
    assert await runner.connect() is first
    assert not runner.is_ready
    assert await room.size(room.names.lookup) == 0
    if lost:
        await first.channel.connection.close()
    async with running(runner):
        await until(lambda: runner.is_ready and len(lane.connections) == 1 + lost, "the lane at work")
        assert lane.connections[0] is first
    assert all(connection.channel.connection.is_closed for connection in lane.connections)


async def test_a_connection_that_is_not_used_is_closed(room: Room) -> None:
    runner = LaneRunner(Lane(), room.broker, room.heard)
    connection = await runner.connect()
    await runner.disconnect()
    assert connection.channel.connection.is_closed
