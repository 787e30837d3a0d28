"""`inn dead`: parked messages seen, returned and deleted."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from typing import Any, TextIO

import pytest

from adapters.cli.main import run
from adapters.rabbitmq.connection import open_connection
from adapters.rabbitmq.dead_letters import DeadLetters, Selection
from function.outcomes import Reason
from function.telemetry import Observer
from tests.adapters.cli.conftest import Inn, inn
from tests.doubles import FOUND, PERSON
from tests.system.rabbitmq.room import Customer, Room, ask, until
from tests.system.rabbitmq.test_lanes import Raw

__all__ = ["inn"]
Dead = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def dead(room: Room, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Dead:
    """Call the command; its exit status, what it wrote and what it complained of."""
    monkeypatch.setenv("RABBITMQ_DSN", room.node.uri)
    monkeypatch.setenv("RABBITMQ_SOURCE_QUEUE_NAME", room.names.source)

    async def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = await asyncio.to_thread(run, ["dead", *arguments])
        return status, *capfd.readouterr()

    return call


async def park(room: Room, customer: Customer, count: int = 3) -> None:
    """So many failed requests, and one that is none."""
    room.service.says(Reason.BAD_REPLY)
    async with room.consumer(retries=0):
        for number in range(count):
            await customer.send(ask(number))
            await customer.got(number + 1)
        await customer.send(b"{", correlation_id="no request")
        await customer.got(count + 1)
    await room.holds(room.names.dead, count + 1)
    room.service.does = lambda _request: FOUND
    customer.replies.clear()


async def test_what_is_parked_is_listed_without_persons(room: Room, dead: Dead) -> None:
    async with room.customer() as customer:
        await park(room, customer)
    status, out, _ = await dead("list", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [(row["request_id"], row["reason"], row["attempts"]) for row in rows] == [
        ("r-0", "bad_reply", 1),
        ("r-1", "bad_reply", 1),
        ("r-2", "bad_reply", 1),
        ("", "rejected", 1),
    ]
    assert all(row["parked_at"] for row in rows)
    assert await dead("list", "--json") == (0, out, "")
    told = (await dead("list"))[1]
    assert told.startswith("REASON ")
    assert not any(str(value) in told + out for name, value in PERSON.items() if name != "requestId")


@pytest.mark.parametrize(
    ("options", "served", "left"),
    [
        pytest.param((), ["", "r-0", "r-1", "r-2"], 1, id="all, of which one is parked again"),
        pytest.param(("--request-id", "r-1"), ["r-1"], 3, id="one request"),
        pytest.param(("--reason", "bad_reply"), ["r-0", "r-1", "r-2"], 1, id="one reason"),
        pytest.param(("--reason", "bad_reply", "--request-id", "r-9"), [], 4, id="none"),
    ],
)
async def test_what_is_returned_is_served_as_new(
    room: Room, dead: Dead, options: tuple[str, ...], served: list[str], left: int
) -> None:
    async with room.customer() as customer:
        await park(room, customer)
        status, out, _ = await dead("replay", *options)
        assert (status, out.splitlines()[-1]) == (0, f"returned: {len(served)}")
        async with room.consumer(retries=0):
            replies = await customer.got(len(served))
    assert sorted(reply["requestId"] for reply in replies) == served
    await room.holds(room.names.dead, left)


async def test_a_replay_forgets_the_tries(room: Room, dead: Dead) -> None:
    room.service.says(Reason.BAD_REPLY)
    async with room.customer() as customer, room.consumer(retries=1):
        await customer.send(ask())
        await customer.got(1)
        await room.holds(room.names.dead, 1)  # the reply comes before the parking
        await dead("replay")
        await until(lambda: len(customer.replies["r-1"]) == 2, "the second failure")
        parked = (await room.taken(room.names.dead, 1))[0]
    assert len(room.service.asked) == 4
    assert parked.headers["inn-attempts"] == 2


async def test_a_replay_that_is_broken_off_loses_nothing(room: Room, dead: Dead) -> None:
    async with room.customer() as customer:
        await park(room, customer, 5)
    async with open_connection(room.broker, Observer()) as connection:
        returned = DeadLetters(connection, room.names, room.names.dead).replay(Selection())
        await anext(returned)
        await anext(returned)
        await connection.channel.connection.close()
    await room.holds(room.names.dead, 4)
    await room.holds(room.names.source, 2)


@pytest.mark.parametrize(
    ("options", "left"), [(("--all",), 0), (("--reason", "bad_reply"), 1), (("--request-id", "r-1"), 3)]
)
async def test_what_is_dropped_is_gone(room: Room, dead: Dead, options: tuple[str, ...], left: int) -> None:
    async with room.customer() as customer:
        await park(room, customer)
    status, out, _ = await dead("drop", *options)
    assert (status, out.splitlines()[-1]) == (0, f"deleted: {4 - left}")
    await room.holds(room.names.dead, left)
    await room.holds(room.names.source, 0)


def unwritable(why: str) -> TextIO:
    """A standard output that takes nothing: a full disk, or a reader that has left."""
    if why == "a full disk":
        number = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, number = os.pipe()
        os.close(reader)
    return os.fdopen(number, "w")


FULL = "inn: cannot write to standard output: No space left on device"
LEFT = "inn: the reader of standard output has left"
DONE = "not all of them are shown, and all others are still parked\n"


@pytest.mark.parametrize(
    ("command", "why", "said"),
    [
        pytest.param(("list",), "a full disk", f"{FULL}\n", id="nothing is done"),
        pytest.param(("list",), "a reader that left", "", id="who has seen enough needs no word of it"),
        pytest.param(("drop", "--all"), "a reader that left", f"{LEFT}; deleted: 1; {DONE}", id="one is deleted"),
        pytest.param(("replay",), "a full disk", f"{FULL}; returned: 1; {DONE}", id="one is returned"),
    ],
)
async def test_what_cannot_be_shown_is_not_the_brokers_trouble_and_what_was_done_is_told(
    room: Room, dead: Dead, command: tuple[str, ...], why: str, said: str
) -> None:
    async with room.customer() as customer:
        await park(room, customer, 2)
    with unwritable(why) as output, redirect_stdout(output):
        assert await dead(*command) == (1, "", said)
    await room.holds(room.names.dead, 2 if "1" in said else 3)


@pytest.mark.parametrize("arguments", [("drop",), ("drop", "--all", "--reason", "x")])
async def test_deleting_all_must_be_said(dead: Dead, arguments: tuple[str, ...]) -> None:
    status, out, err = await dead(*arguments)
    assert (status, out) == (2, "")
    assert "--all" in err


async def test_where_nothing_was_ever_parked_the_list_is_empty(dead: Dead) -> None:
    assert await dead("list", "--json") == (0, "", "")


async def test_where_there_is_no_queue_to_return_to_all_stays_parked(room: Room, dead: Dead) -> None:
    async with room.customer() as customer:
        await park(room, customer, 1)
        async with room.channel() as channel:
            await channel.queue_delete(room.names.source)
    status, out, err = await dead("replay")
    assert (status, out) == (1, "")
    assert err == (
        f"inn: RabbitMQ: there is no queue {room.names.source} to return messages to: start inn consume, which declares"
        " it, or mend RABBITMQ_SOURCE_QUEUE_NAME\n"
    )
    await room.holds(room.names.dead, 2)


@pytest.mark.parametrize("command", [("list",), ("replay",), ("drop", "--all")])
async def test_a_message_that_cannot_be_read_is_told_of_as_one(
    room: Room, dead: Dead, command: tuple[str, ...]
) -> None:
    async with room.channel() as channel:
        for queue in (room.names.source, room.names.dead):
            await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        customer = Customer(channel, room.names.dead, "")
        await customer.send(ask(), reply_to=None)
        await customer.send_raw(b"{}", Raw(correlation_id="x", delivery_mode=2, priority=0))
    await room.holds(room.names.dead, 2)
    status, out, err = await dead(*command)
    assert status == 1
    assert "r-1" in out
    assert err.startswith(f"inn: RabbitMQ: the next message in {room.names.dead} has properties that cannot be read")
    assert err.count("\n") == 1


def test_a_broker_that_is_away_is_one_line(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_DSN", "amqp://inn:secret-password@127.0.0.1:1/")
    ended = inn("dead", "list")
    where = "check RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT, and TLS (amqps://)"
    ended.fails(1, f"inn: RabbitMQ: it cannot be reached now (connection refused): {where}\n")
    assert not ended.out  # no heading above nothing, which would look like an empty list


def _event(**data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e", "source": "/c", "type": "inn.lookup.requested", "data": ask(**data)}


async def test_the_request_is_known_in_any_mode_and_odd_ids_are_withheld(room: Room, dead: Dead) -> None:
    room.service.says(Reason.BAD_REPLY)
    async with room.customer() as customer, room.consumer(retries=0):
        await customer.send(_event(requestId="within"), content_type="application/cloudevents+json")
        await customer.send(ask(2, requestId="4509 123456"))
        await customer.got(2)
    await room.holds(room.names.dead, 2)
    _, out, _ = await dead("list", "--json")
    assert {json.loads(line)["request_id"] for line in out.splitlines()} == {"within", "withheld"}
    out = (await dead("drop", "--request-id", "4509 123456"))[1]
    assert out.splitlines()[-1] == "deleted: 1"
