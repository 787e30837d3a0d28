"""A full queue of the service, and what is not waited for there."""

import asyncio

import pytest

from adapters.rabbitmq.errors import BrokerUnavailable, QueueFull
from adapters.rabbitmq.messages import Message, Properties
from adapters.rabbitmq.settlement import HANDED_BACK
from tests.system.rabbitmq.room import Room, declared_connection, until
from tests.system.rabbitmq.test_lanes import limited


async def test_neither_the_end_nor_what_the_lane_itself_must_make_room_for_waits_for_a_full_queue(room: Room) -> None:
    stopping = asyncio.Event()
    async with declared_connection(room.broker, room.heard) as connection:
        publisher = connection.publisher

        async def refused() -> bool:
            try:
                await publisher.move(Message(room.names.source, Properties(), b"", "replayed"))
            except QueueFull:
                return True
            return False

        with limited(room, room.names.source, 1):
            await until(refused, "the full queue")
            with pytest.raises(BrokerUnavailable, match="queue_full"):
                await publisher.deliver(
                    Message(room.names.source, Properties(), b"", HANDED_BACK), room.names.source, stopping
                )
            stopping.set()
            with pytest.raises(BrokerUnavailable, match="queue_full"):
                await publisher.deliver(Message(room.names.source, Properties(), b"", "not_cached"), "", stopping)
    assert room.heard.events == {"queue_full": 1}
