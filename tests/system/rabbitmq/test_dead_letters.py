"""What reading the parked messages does to them: nothing, whatever a policy says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aio_pika
import pytest

from adapters.rabbitmq.connection import open_connection
from adapters.rabbitmq.dead_letters import DeadLetter, DeadLetters, Selection
from adapters.rabbitmq.topology import DELIVERY_LIMIT
from function.telemetry import Observer
from tests.system.rabbitmq.room import Room, ask, until

PARKED = 12
LOOKS = DELIVERY_LIMIT + 2


@pytest.fixture
def limited(room: Room) -> Iterator[Room]:
    """A policy lets the broker delete what was delivered three times."""
    room.node.limit(f"^{room.names.source}", delivery_limit=2)
    yield room
    room.node.limit(f"^{room.names.source}")


async def read(room: Room, queue: str, selection: Selection = Selection()) -> list[DeadLetter]:  # noqa: B008  # frozen
    async with open_connection(room.broker, Observer()) as connection:
        return [letter async for letter in DeadLetters(connection, room.names, queue).read(selection)]


async def publish(room: Room, queue: str) -> None:
    async with open_connection(room.broker, Observer(), queues=True), room.channel() as channel:
        for number in range(PARKED):
            parked_at = datetime.now(UTC).isoformat()
            facts: dict[str, Any] = {"inn-reason": "bad_reply", "inn-parked-at": parked_at, "inn-attempts": 3}
            body = json.dumps(ask(number)).encode()
            message = aio_pika.Message(body, headers=facts, delivery_mode=2, correlation_id=str(number))
            await channel.default_exchange.publish(message, queue)


@pytest.mark.parametrize("which", ["dead", "unrouted"])
async def test_however_often_they_are_read_all_are_there_in_the_same_order(limited: Room, which: str) -> None:
    queue = f"{limited.names.source}.{which}"
    await publish(limited, queue)
    first = await read(limited, queue)
    assert [letter.request_id for letter in first] == [f"r-{number}" for number in range(PARKED)]
    for _ in range(LOOKS):
        assert await read(limited, queue) == first
    # Those that are not selected stay in their order, too.
    assert [letter.request_id for letter in await read(limited, queue, Selection("r-3"))] == ["r-3"]
    assert await read(limited, queue) == first
    left = await limited.taken(queue, PARKED)
    assert [message.correlation_id for message in left] == [str(number) for number in range(PARKED)]
    facts = {(message.headers.get("x-delivery-count", 0), message.redelivered, message.priority) for message in left}
    assert facts == {(0, False, 0)}


async def test_a_read_that_is_broken_off_loses_none(limited: Room) -> None:
    await publish(limited, limited.names.dead)
    for _ in range(LOOKS):
        async with open_connection(limited.broker, Observer()) as connection:
            reading = DeadLetters(connection, limited.names, limited.names.dead).read(Selection())
            for _ in range(5):
                await anext(reading)
            await connection.channel.connection.close()
    ids = {letter.request_id for letter in await read(limited, limited.names.dead)}
    assert ids == {f"r-{number}" for number in range(PARKED)}


async def test_what_the_broker_parked_has_its_attempts_and_keeps_them(room: Room) -> None:
    async with open_connection(room.broker, Observer(), queues=True), room.channel() as channel:
        message = aio_pika.Message(
            json.dumps(ask()).encode(), headers={"inn-attempts": 2, "client": "x"}, delivery_mode=2
        )
        await channel.default_exchange.publish(message, room.names.lookup)
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
