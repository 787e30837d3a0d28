"""A lane that stumbles, on a real connection."""

import asyncio
from collections.abc import AsyncIterator
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


class Stumbling:
    """A lane of two tasks, each of which ends with one of the errors."""

    queue = "stumbling"

    def __init__(self, *errors: Exception) -> None:
        self._errors = errors

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for error in self._errors:
                group.create_task(_fail(error))


async def _fail(error: Exception) -> None:
    raise error


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
    async with running(LaneRunner(Stumbling(*errors), room.broker, room.heard)) as runner:
        await until(lambda: runner.state == state, state)
    assert min(1, len(room.heard.errors)) == told


class Dropping:
    """A lane that loses its connections at once, so many of them."""

    queue = "dropping"

    def __init__(self, losses: int) -> None:
        self.losses = losses

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        if self.losses:
            self.losses -= 1
            await connection.channel.connection.close()
        await stopping.wait()


class Recorded(Backoff):
    """A back-off that remembers its delays, and has none."""

    def __init__(self) -> None:
        super().__init__(1.0, 1000.0)
        self.delays: list[float] = []

    def next(self) -> float:
        self.delays.append(super().next())
        return 0


async def test_the_back_off_does_not_grow_while_connections_are_made_and_lost(room: Room) -> None:
    lane, backoff = Dropping(20), Recorded()
    async with running(LaneRunner(lane, room.broker, room.heard, backoff)) as runner:
        await until(lambda: lane.losses == 0 and runner.is_ready, "the connection after the last loss")
    assert room.heard.events["reconnecting"] == len(backoff.delays) == 20
    assert max(backoff.delays) <= 1


async def test_the_back_off_grows_while_there_is_no_broker(room: Room) -> None:
    nobody = room.broker._replace(uris=(room.node.uri.replace(str(room.node.port), str(free_port())),))
    backoff = Recorded()
    async with running(LaneRunner(Waiting(), nobody, room.heard, backoff)) as runner:
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


class Blocked:
    """A lane whose first connection the broker blocks. `lifted`: whether the alarm was by the second one."""

    queue = "blocked"

    def __init__(self) -> None:
        self.runs = 0
        self.lifting = False
        self.lifted: bool | None = None

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        self.runs += 1
        if self.runs > 1:
            self.lifted = self.lifting
            await stopping.wait()
            return
        underlying = connection.channel.connection
        publishing = asyncio.create_task(connection.channel.basic_publish(b"", routing_key="nowhere"))
        await until(lambda: _is_blocked(underlying), "the alarm")
        publishing.cancel()
        raise BrokerUnavailable("unconfirmed")


async def _is_blocked(connection: AbstractConnection) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await connection.ready()
    except TimeoutError:
        return True
    return False


async def test_an_alarm_of_the_broker_is_waited_for_on_the_connection_that_it_blocks(room: Room) -> None:
    lane = Blocked()
    room.node.evaluate('vm_memory_monitor:set_vm_memory_high_watermark({absolute, "1MB"})')
    try:
        async with running(LaneRunner(lane, room.broker, room.heard)) as runner:
            await until(lambda: runner.state == "unconfirmed", "the alarm to be noticed")
            # It takes longer than the pause before another connection would be made.
            await asyncio.to_thread(room.node.control, "list_connections")
            lane.lifting = True
            room.node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
            await until(lambda: lane.lifted is not None, "another connection")
    finally:
        room.node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
    assert lane.lifted is True


class Waiting:
    """A lane that does nothing. `connections`: the connections that it was given."""

    queue = "waiting"

    def __init__(self) -> None:
        self.connections: list[BrokerConnection] = []

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        self.connections.append(connection)
        await stopping.wait()


@pytest.mark.parametrize(
    "lost",
    [pytest.param(False, id="and the lane works on that connection"), pytest.param(True, id="and is replaced if lost")],
)
async def test_the_first_connection_has_its_queues(room: Room, lost: bool) -> None:  # noqa: FBT001  # a row of a table
    lane = Waiting()
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
    runner = LaneRunner(Waiting(), room.broker, room.heard)
    connection = await runner.connect()
    await runner.disconnect()
    assert connection.channel.connection.is_closed
