"""The broker goes away and comes back, and what it says at the start."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from adapters.rabbitmq.connection import BrokerConfig
from adapters.rabbitmq.errors import BrokerRefused
from adapters.rabbitmq.topology import QueueNames
from tests.servers.rabbitmq import PASSWORD, Node
from tests.system.rabbitmq.room import Room, ask, open_once, until


async def test_a_broker_killed_under_load_loses_nothing(room: Room) -> None:
    """The customer loses its connection as well: what it asked for and was confirmed is answered to its queue."""
    async with room.consumer(held=2) as consumer:
        async with room.customer() as customer:
            await asyncio.to_thread(room.node.registered, time.time())
            await customer.asks(range(60))
            await customer.got(5)
            await asyncio.to_thread(room.node.kill)
            await until(lambda: not running_for(room.node), "the end of all that the node started")
        before = set(customer.replies)
        await until(lambda: not consumer.fast.is_ready and not consumer.slow.is_ready, "the loss to be noticed")
        await asyncio.to_thread(room.node.start)
        async with room.customer() as later:
            await until(lambda: len(before | set(later.replies)) == 60, "every reply")
        await until(lambda: consumer.fast.is_ready and consumer.slow.is_ready, "both lanes")
    assert room.heard.flying == 0


def running_for(node: Node) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if is_of(process, node.folder)]


def is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("HOME") == str(folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


async def test_a_queue_that_is_deleted_is_made_again(room: Room) -> None:
    async with room.consumer() as consumer, room.customer() as customer:
        async with room.channel() as channel:
            await channel.queue_delete(room.names.source)
        await until(lambda: not consumer.fast.is_ready, "the loss")
        await until(lambda: consumer.fast.is_ready, "the queue")
        await customer.send(ask())
        assert (await customer.got(1))[0]["status"] == "found"


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
    [
        ("retry", True, "another x-"),
        ("source", True, "another x-"),
        ("dead", False, "other arguments"),
    ],
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
