"""What reading the parked messages does to them: nothing, whatever a policy says."""

import codecs
import json
from datetime import UTC, datetime

import aio_pika
import pytest

from adapters.rabbitmq.connection import open_connection
from adapters.rabbitmq.dead_letters import DeadLetter, DeadLetters, Selection
from adapters.rabbitmq.topology import DELIVERY_LIMIT
from function.telemetry import Observer
from tests.system.rabbitmq.room import Customer, Room, ask, open_once, until

PARKED = 12
LOOKS = DELIVERY_LIMIT + 2


async def read(room: Room, queue: str, selection: Selection = Selection()) -> list[DeadLetter]:  # noqa: B008  # frozen
    async with open_connection(room.broker, Observer()) as connection:
        return [letter async for letter in DeadLetters(connection, room.names, queue).read(selection)]


@pytest.mark.parametrize("which", ["dead", "unrouted"])
async def test_however_often_they_are_read_all_are_there_in_the_same_order(room: Room, which: str) -> None:
    """A policy lets the broker delete what was delivered three times."""
    queue = f"{room.names.source}.{which}"
    await open_once(room.broker)
    with room.limited(queue, delivery_limit=2):
        async with room.channel() as channel:
            for number in range(PARKED):
                parked_at = datetime.now(UTC).isoformat()
                facts = {"inn-reason": "bad_reply", "inn-parked-at": parked_at, "inn-attempts": 3}
                await Customer(channel, queue, "").send(ask(number), headers=facts, correlation_id=str(number))
        first = await read(room, queue)
        assert [letter.request_id for letter in first] == [f"r-{number}" for number in range(PARKED)]
        for _ in range(LOOKS):
            assert await read(room, queue) == first
        # Those that are not selected stay in their order, too.
        assert [letter.request_id for letter in await read(room, queue, Selection("r-3"))] == ["r-3"]
        assert await read(room, queue) == first
        left = await room.taken(queue, PARKED)
    assert [message.correlation_id for message in left] == [str(number) for number in range(PARKED)]
    state = {(message.headers.get("x-delivery-count", 0), message.redelivered, message.priority) for message in left}
    assert state == {(0, False, 0)}


async def test_a_read_that_is_broken_off_loses_none(room: Room) -> None:
    await open_once(room.broker)
    async with room.channel() as channel:
        await Customer(channel, room.names.dead, "").asks(range(PARKED))
    for _ in range(LOOKS):
        async with open_connection(room.broker, Observer()) as connection:
            reading = DeadLetters(connection, room.names, room.names.dead).read(Selection())
            for _ in range(5):
                await anext(reading)
            await connection.channel.connection.close()
    assert {letter.request_id for letter in await read(room, room.names.dead)} == {f"r-{n}" for n in range(PARKED)}


async def test_what_the_broker_parked_has_its_attempts_and_keeps_them(room: Room) -> None:
    await open_once(room.broker)
    async with room.channel() as channel:
        body = codecs.BOM_UTF8 + json.dumps(ask()).encode()
        await Customer(channel, room.names.lookup, "").send(body, headers={"inn-attempts": 2, "client": "x"})
        queue = await channel.get_queue(room.names.lookup)
        for _ in range(DELIVERY_LIMIT + 1):
            await until(lambda: returned(queue), "the message")
        await room.holds(room.names.dead, 1)
    [first] = await read(room, room.names.dead)
    assert (first.request_id, first.reason, first.attempts) == ("r-1", "delivery_limit", 3)
    assert datetime.fromisoformat(first.parked_at) <= datetime.now(UTC)
    assert await read(room, room.names.dead) == [first]
    [left] = await room.taken(room.names.dead, 1)
    assert left.headers["client"] == "x"


async def returned(queue: aio_pika.abc.AbstractQueue) -> bool:
    """Whether a message was there and went back, as at the death of its consumer."""
    message = await queue.get(fail=False)
    if message is not None:
        await message.reject(requeue=True)
    return message is not None
