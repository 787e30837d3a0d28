"""A lane that stumbles, on a real connection."""

import asyncio

import pytest
from aiormq import Channel

from adapters.rabbitmq.faults import BrokerAway
from adapters.rabbitmq.link import Link
from adapters.rabbitmq.messages import Message, Properties
from adapters.rabbitmq.outbox import Outbox
from adapters.rabbitmq.session import Broker, Session
from adapters.rabbitmq.topology import Names
from function.observing import Silent
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


class Unconfirming(Channel):
    """A channel whose broker confirms nothing."""

    def __init__(self) -> None:
        """Without a connection."""

    async def basic_publish(self, body: bytes, **_how: object) -> None:
        raise TimeoutError


@pytest.mark.parametrize("moved", [None, "bad_reply"], ids=["a reply", "a move"])
async def test_a_broker_that_confirms_nothing_is_away(moved: str | None) -> None:
    outbox = Outbox(Unconfirming(), Names("inn"), Silent())
    with pytest.raises(BrokerAway, match="unconfirmed"):
        await outbox.send(Message("customer", Properties(message_id="m"), b"", moved))
