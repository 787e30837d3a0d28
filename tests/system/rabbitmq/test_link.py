"""A lane that stumbles, on a real connection."""

import asyncio

import pytest
from aiormq import Channel
from aiormq.abc import AbstractConnection

from adapters.rabbitmq import link as link_module
from adapters.rabbitmq.faults import BrokerAway
from adapters.rabbitmq.link import Link
from adapters.rabbitmq.messages import Message, Properties
from adapters.rabbitmq.outbox import Outbox
from adapters.rabbitmq.session import Broker, Session
from adapters.rabbitmq.topology import Names
from function.telemetry import NullObserver
from tests.servers.process import free_port
from tests.system.rabbitmq.room import RETRY_SEC, Room, until


class Stumbling:
    """A lane of two tasks, each of which ends with one of the errors."""

    queue = "stumbling"

    def __init__(self, *errors: Exception) -> None:
        self._errors = errors

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for error in self._errors:
                group.create_task(_fail(error))


async def _fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("errors", "state", "told"),
    [
        pytest.param((BrokerAway("unconfirmed"), BrokerAway("unconfirmed")), "unconfirmed", 0, id="weather"),
        pytest.param((BrokerAway("unconfirmed"), KeyError()), "lane_failed", 1, id="a bug beside it"),
    ],
)
async def test_only_a_bug_is_told_as_trouble(room: Room, errors: tuple[Exception, ...], state: str, told: int) -> None:
    link = Link(Stumbling(*errors), Broker(room.node.uri, "inn-test", room.names, RETRY_SEC), room.heard)
    stopping = asyncio.Event()
    running = asyncio.create_task(link.run(stopping))
    await until(lambda: link.state == state, state)
    stopping.set()
    await running
    assert min(1, len(room.heard.troubles)) == told


class Dropping:
    """A lane that loses its connections at once, so many of them."""

    queue = "dropping"

    def __init__(self, losses: int) -> None:
        self.losses = losses

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        if self.losses:
            self.losses -= 1
            await session.channel.connection.close()
        await stopping.wait()


async def test_connections_that_are_lost_one_after_the_other_are_each_replaced_soon(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were each pause twice the one before it, the last would be longer than anybody waits."""
    monkeypatch.setattr(link_module, "FIRST_PAUSE_SEC", 0.001)
    monkeypatch.setattr(link_module, "LONGEST_PAUSE_SEC", 3600.0)
    lane = Dropping(20)
    link = Link(lane, Broker(room.node.uri, "inn-test", room.names, RETRY_SEC), room.heard)
    stopping = asyncio.Event()
    running = asyncio.create_task(link.run(stopping))
    try:
        await until(lambda: lane.losses == 0 and link.connected, "the connection after the last loss")
    finally:
        stopping.set()
        await running
    assert room.heard.events["reconnecting"] == 20


async def test_pauses_grow_while_there_is_no_broker(room: Room) -> None:
    nobody = room.node.uri.replace(str(room.node.port), str(free_port()))
    link = Link(Waiting(), Broker(nobody, "inn-test", room.names, RETRY_SEC), room.heard)
    stopping = asyncio.Event()
    running = asyncio.create_task(link.run(stopping))
    await until(lambda: link._pause == link_module.LONGEST_PAUSE_SEC, "the longest pause")
    stopping.set()
    await running
    assert link.state == "connection_refused"


class Unconfirming(Channel):
    """A channel whose broker confirms nothing."""

    def __init__(self) -> None:
        """Without a connection."""

    async def basic_publish(self, body: bytes, **_how: object) -> None:
        raise TimeoutError


@pytest.mark.parametrize("moved", [None, "bad_reply"], ids=["a reply", "a move"])
async def test_a_broker_that_confirms_nothing_is_away(moved: str | None) -> None:
    outbox = Outbox(Unconfirming(), Names("inn"), NullObserver())
    with pytest.raises(BrokerAway, match="unconfirmed"):
        await outbox.send(Message("customer", Properties(message_id="m"), b"", moved))


class Blocked:
    """A lane whose first connection the broker blocks. `lifted`: whether the alarm was by the second one."""

    queue = "blocked"

    def __init__(self) -> None:
        self.runs = 0
        self.lifting = False
        self.lifted: bool | None = None

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        self.runs += 1
        if self.runs > 1:
            self.lifted = self.lifting
            await stopping.wait()
            return
        connection = session.channel.connection
        publishing = asyncio.create_task(session.channel.basic_publish(b"", routing_key="nowhere"))
        await until(lambda: _is_blocked(connection), "the alarm")
        publishing.cancel()
        raise BrokerAway("unconfirmed")


async def _is_blocked(connection: AbstractConnection) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await connection.ready()
    except TimeoutError:
        return True
    return False


async def test_an_alarm_of_the_broker_is_waited_for_on_the_connection_that_it_blocks(room: Room) -> None:
    lane = Blocked()
    link = Link(lane, Broker(room.node.uri, "inn-test", room.names, RETRY_SEC), room.heard)
    stopping = asyncio.Event()
    await asyncio.to_thread(room.node.control, "set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        running = asyncio.create_task(link.run(stopping))
        await until(lambda: link.state == "unconfirmed", "the alarm to be noticed")
        # It takes longer than the pause before another connection would be made.
        await asyncio.to_thread(room.node.control, "list_connections")
        lane.lifting = True
    finally:
        await asyncio.to_thread(room.node.control, "set_vm_memory_high_watermark", "0.4")
    await until(lambda: lane.lifted is not None, "another connection")
    stopping.set()
    await running
    assert lane.lifted is True


class Waiting:
    """A lane that does nothing. `sessions`: the connections that it was given."""

    queue = "waiting"

    def __init__(self) -> None:
        self.sessions: list[Session] = []

    async def run(self, session: Session, stopping: asyncio.Event) -> None:
        self.sessions.append(session)
        await stopping.wait()


@pytest.mark.parametrize(
    "lost",
    [pytest.param(False, id="and the lane works on that connection"), pytest.param(True, id="and is replaced if lost")],
)
async def test_what_was_reached_has_its_queues(room: Room, lost: bool) -> None:  # noqa: FBT001  # a row of a table
    lane = Waiting()
    link = Link(lane, Broker(room.node.uri, "inn-test", room.names, RETRY_SEC), room.heard)
    await link.reach()
    reached = link._reached
    await link.reach()
    assert link._reached is reached is not None
    assert not link.connected
    assert await room.size(room.names.lookup) == 0
    if lost:
        await reached.channel.connection.close()
    stopping = asyncio.Event()
    running = asyncio.create_task(link.run(stopping))
    await until(lambda: link.connected and len(lane.sessions) == 1 + lost, "the lane at work")
    assert lane.sessions[0] is reached
    stopping.set()
    await running
    assert all(session.channel.connection.is_closed for session in lane.sessions)


async def test_what_was_reached_for_nothing_is_let_go(room: Room) -> None:
    link = Link(Waiting(), Broker(room.node.uri, "inn-test", room.names, RETRY_SEC), room.heard)
    await link.reach()
    reached = link._reached
    await link.leave()
    assert reached is not None
    assert reached.channel.connection.is_closed
