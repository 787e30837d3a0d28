"""The broker goes away and comes back, in whole or a queue of it; and what it says at the start."""

import asyncio
import socket
import time

import pytest

from adapters.rabbitmq import connection as connection_module
from adapters.rabbitmq import supervisor
from adapters.rabbitmq.connection import BrokerConfig, open_connection
from adapters.rabbitmq.dead_letters import DeadLetters, Selection
from adapters.rabbitmq.errors import BrokerRefused, BrokerUnavailable
from adapters.rabbitmq.topology import QueueNames
from function.telemetry import Observer
from tests.servers.rabbitmq import PASSWORD
from tests.system.rabbitmq.room import Room, ask, open_once, until


async def test_a_broker_killed_under_load_loses_nothing(room: Room) -> None:
    """The customer loses its connection as well: what it asked for and was confirmed is answered to its queue."""
    async with room.consumer(held=2) as consumer:
        async with room.customer() as customer:
            await asyncio.to_thread(room.node.registered, time.time())
            await customer.asks(range(60))
            await customer.got(5)
            await asyncio.to_thread(room.node.kill)
        before = set(customer.replies)
        await until(lambda: not consumer.fast.is_ready and not consumer.slow.is_ready, "the loss to be noticed")
        await asyncio.to_thread(room.node.start)
        async with room.customer() as later:
            await until(lambda: len(before | set(later.replies)) == 60, "every reply")
        await until(lambda: consumer.fast.is_ready and consumer.slow.is_ready, "both lanes")
    assert room.heard.flying == 0


@pytest.mark.parametrize("queue", ["lookup", "dead"])
async def test_a_message_is_not_lost_while_the_queue_it_is_to_go_to_is_missing(room: Room, queue: str) -> None:
    async with room.consumer(), room.customer() as customer:
        async with room.channel() as channel:
            await channel.queue_delete(f"{room.names.source}.{queue}")
        await customer.asks(range(10))
        await customer.send(b"{", correlation_id="x")
        replies = await customer.got(11)
        await until(lambda: room.heard.moves["dead", "rejected"] > 0, "the parking")
        # Parked once more, perhaps: a batch is settled as a whole, or comes again as a whole.
        await room.taken(room.names.dead, 1)
    assert sorted(reply["status"] for reply in replies) == ["found"] * 10 + ["rejected"]


@pytest.mark.parametrize(
    ("queue", "durable", "different"),
    [("retry", True, "another x-"), ("source", True, "another x-"), ("dead", False, "other arguments")],
)
async def test_a_queue_with_other_arguments_is_named_with_what_to_do(
    room: Room,
    queue: str,
    durable: bool,  # noqa: FBT001  # a column
    different: str,
) -> None:
    name = getattr(room.names, queue)
    async with room.channel() as channel:
        await channel.declare_queue(name, durable=durable, exclusive=not durable)
        with pytest.raises(BrokerRefused, match=f"{name} exists with {different}.*delete it.*APP_REQUEST_RETRY_SEC"):
            await open_once(room.broker)


async def test_a_user_without_rights_is_told_so(room: Room) -> None:
    nothing = "^$"
    with room.node.user(nothing, nothing, nothing) as uri, pytest.raises(BrokerRefused, match="rights"):
        await open_once(room.broker._replace(uris=(uri,)))


def test_an_address_shows_in_no_repr() -> None:
    assert PASSWORD not in repr(BrokerConfig((f"amqp://inn:{PASSWORD}@host/",), "inn", QueueNames("inn"), 60))


async def test_a_parking_place_that_gives_no_answer_is_not_empty(room: Room) -> None:
    async with open_connection(room.broker, Observer(), queues=True) as connection:
        reading = DeadLetters(connection, room.names, room.names.dead).read(Selection())
        with room.suspended(room.names.dead), pytest.raises(BrokerUnavailable, match="queue_unavailable"):
            await anext(reading)


@pytest.mark.parametrize(
    ("lane", "queue", "state"),
    [
        pytest.param("fast", "source", "queue_unavailable", id="the fast lane's queue gives no answer"),
        pytest.param("slow", "lookup", "queue_unavailable", id="the slow lane's queue gives no answer"),
        pytest.param("fast", "lookup", "unconfirmed", id="moves are not confirmed"),
    ],
)
async def test_a_lane_is_not_ready_while_a_queue_is_silent(
    room: Room, monkeypatch: pytest.MonkeyPatch, lane: str, queue: str, state: str
) -> None:
    monkeypatch.setattr(supervisor, "CHECK_SEC", 0.1)
    monkeypatch.setattr("adapters.rabbitmq.publisher.STALL_SEC", 0.2)
    async with room.consumer() as consumer, room.customer() as customer:
        supervised = getattr(consumer, lane)
        with room.suspended(getattr(room.names, queue)):
            if state == "unconfirmed":
                await customer.send(ask())
            await until(lambda: supervised.state == state, "the silence to be noticed")
        await until(lambda: supervised.is_ready, "the queue's answer")
        await customer.send(ask(2))
        await until(lambda: "r-2" in customer.replies, "an answer")
    assert room.heard.errors == []


async def test_an_address_that_hangs_or_is_unknown_costs_its_share_of_the_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first, the one that answers is reached. A node that hangs listens, and says nothing."""
    monkeypatch.setattr(connection_module, "CONNECT_SEC", 3.0)
    monkeypatch.setattr(connection_module, "MIN_SHARE_SEC", 0.1)
    unknown = room.node.uri.replace("127.0.0.1", "nosuch.invalid")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        silent = room.node.uri.replace(str(room.node.port), str(hanging.getsockname()[1]))
        for _ in range(5):
            async with asyncio.timeout(60):
                await open_once(room.broker._replace(uris=(unknown, silent, silent, room.node.uri)))
    with pytest.raises(BrokerUnavailable, match="unknown_host"):
        await open_once(room.broker._replace(uris=(unknown,)))
