"""A full queue of the service, and what is not waited for there."""

import asyncio

import pytest

from adapters.rabbitmq.faults import BrokerAway
from adapters.rabbitmq.messages import Message, Properties
from adapters.rabbitmq.patience import Bell
from adapters.rabbitmq.sending import Sender
from adapters.rabbitmq.session import Broker, open_session
from adapters.rabbitmq.settling import HANDED_BACK
from tests.system.rabbitmq.room import RETRY_SEC, Room, until
from tests.system.rabbitmq.test_lanes import limited


async def test_neither_the_end_nor_what_the_lane_itself_must_make_room_for_waits_for_a_full_queue(room: Room) -> None:
    stopping = asyncio.Event()
    async with open_session(Broker(room.node.uri, "inn-test", room.names, RETRY_SEC), room.heard) as session:
        sender = Sender(session.outbox, room.work(0), Bell(), stopping)

        async def refused() -> bool:
            return not await sender.offer(Message(room.names.source, Properties(), b"", "replayed"))

        with limited(room, room.names.source, 1):
            await until(refused, "the full queue")
            with pytest.raises(BrokerAway, match="queue_full"):
                await sender.send(Message(room.names.source, Properties(), b"", HANDED_BACK))
            stopping.set()
            with pytest.raises(BrokerAway, match="queue_full"):
                await sender.send(Message(room.names.source, Properties(), b"", "not_here"))
    assert room.heard.events == {"queue_full": 1}
