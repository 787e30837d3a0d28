"""Queues without a leader: nothing is taken for empty, and no lane for ready. Addresses that hang."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from adapters.rabbitmq import connection as connection_module
from adapters.rabbitmq import supervisor
from adapters.rabbitmq.connection import open_connection
from adapters.rabbitmq.dead_letters import DeadLetters, Selection
from adapters.rabbitmq.errors import BrokerUnavailable
from function.telemetry import Observer
from tests.system.rabbitmq.room import Room, ask, open_once, until
from tests.system.rabbitmq.test_lanes import suspended


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ANSWER_SEC", 2.0)
    monkeypatch.setattr(supervisor, "CHECK_SEC", 0.1)


async def test_a_parking_place_that_gives_no_answer_is_not_empty(room: Room) -> None:
    async with open_connection(room.broker, Observer(), queues=True) as connection:
        reading = DeadLetters(connection, room.names, room.names.dead).read(Selection())
        with suspended(room, room.names.dead), pytest.raises(BrokerUnavailable, match="queue_unavailable"):
            await anext(reading)
    async with open_connection(room.broker, Observer()) as connection:
        letters = DeadLetters(connection, room.names, room.names.dead)
        assert [letter async for letter in letters.read(Selection())] == []


@pytest.mark.parametrize("lane", ["fast", "slow"])
async def test_a_lane_whose_queue_gives_no_answer_is_not_ready(room: Room, lane: str) -> None:
    async with room.consumer() as consumer, room.customer() as customer:
        runner, queue = {
            "fast": (consumer.fast, room.names.source),
            "slow": (consumer.slow, room.names.lookup),
        }[lane]
        with suspended(room, queue):
            await until(lambda: not runner.is_ready, "the silence to be noticed")
            assert runner.state == "queue_unavailable"
        await until(lambda: runner.is_ready, "the queue's answer")
        await customer.send(ask())
        assert (await customer.got(1))[0]["status"] == "found"
    assert room.heard.errors == []


async def test_a_lane_whose_moves_are_not_confirmed_is_not_ready(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.rabbitmq.publisher.STALL_SEC", 0.2)
    async with room.consumer() as consumer, room.customer() as customer:
        with suspended(room, room.names.lookup):
            await customer.send(ask())
            await until(lambda: consumer.fast.state == "unconfirmed", "the silence to be noticed")
        assert (await customer.got(1))[0]["status"] == "found"
        await until(lambda: consumer.fast.is_ready, "the confirmation")


@contextmanager
def hanging() -> Iterator[int]:
    """A port where somebody listens and says nothing, as a node does that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_an_address_that_hangs_costs_its_share_of_the_time(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever comes first, one of three is reached."""
    monkeypatch.setattr(connection_module, "CONNECT_SEC", 3.0)
    monkeypatch.setattr(connection_module, "MIN_SHARE_SEC", 0.1)
    with ExitStack() as stack:
        ports = [stack.enter_context(hanging()), stack.enter_context(hanging()), room.node.port]
        uris = tuple(room.node.uri.replace(str(room.node.port), str(port)) for port in ports)
        for _ in range(5):
            async with asyncio.timeout(60):
                await open_once(room.broker._replace(uris=uris))


async def test_a_name_that_nobody_knows_does_not_hide_a_host_that_answers(room: Room) -> None:
    unknown = room.node.uri.replace("127.0.0.1", "nosuch.invalid")
    await open_once(room.broker._replace(uris=(unknown, room.node.uri)))
    with pytest.raises(BrokerUnavailable, match="unknown_host"):
        await open_once(room.broker._replace(uris=(unknown,)))
