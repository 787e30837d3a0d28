"""Queues made by somebody else, and the least rights of each process and client, as RabbitMQ checks them."""

import asyncio
import json
from contextlib import AbstractContextManager

import aio_pika
import pytest
import yaml

from adapters.cli.doctor import check_queues
from adapters.rabbitmq.connection import open_connection
from adapters.rabbitmq.dead_letters import DeadLetters, Selection
from adapters.rabbitmq.errors import BrokerRefused
from adapters.rabbitmq.topology import QueueNames, queues
from function.telemetry import Observer
from tests.system.process import ROOT
from tests.system.rabbitmq.room import Room, ask, open_once

DEFINITIONS = ROOT / "deploy/rabbitmq/definitions.json"
MANIFESTS = ROOT / "deploy/rabbitmq/topology-operator.yaml"
DEFAULT_RETRY_SEC = 60


def test_the_definitions_and_the_manifests_are_what_the_service_declares() -> None:
    declared = queues(QueueNames("inn"), DEFAULT_RETRY_SEC)
    written = json.loads(DEFINITIONS.read_text())["queues"]
    assert {queue["name"]: queue["arguments"] for queue in written} == declared
    assert {(queue["durable"], queue["auto_delete"], queue["vhost"]) for queue in written} == {(True, False, "/")}
    specs = [each["spec"] for each in yaml.safe_load_all(MANIFESTS.read_text())]
    assert {spec["name"]: {"x-queue-type": spec["type"], **spec["arguments"]} for spec in specs} == declared
    assert all(spec["durable"] for spec in specs)


@pytest.fixture
def defined(room: Room) -> Room:
    """A room whose queues were imported, as an operator does."""
    text = DEFINITIONS.read_text().replace('"inn', f'"{room.names.source}').replace("60000", "200")
    file = room.node.folder / "definitions.json"
    file.write_text(text)
    room.node.evaluate(f'{{ok, Text}} = file:read_file("{file}"), ok = rabbit_definitions:import_raw(Text)')
    return room


def limited(room: Room, *rights: str) -> AbstractContextManager[str]:
    """The address for a user with these rights alone, on queues named after the room's."""
    configure, write, read = (each.replace("inn", room.names.source) for each in rights)
    return room.node.user(configure, write, read)


NOTHING, PUBLISH = "^$", r"^amq\.default$"
CONSUMER = (NOTHING, PUBLISH, r"^inn(\.lookup)?$")  # RABBITMQ_DECLARE=false
DECLARING_CONSUMER = (r"^inn(\.(lookup|retry|dead|unrouted))?$", PUBLISH, r"^inn(\.(lookup|retry))?$")
DEAD_COMMAND = (NOTHING, PUBLISH, r"^inn\.(dead|unrouted)$")
DOCTOR = r"^inn(\..*)?$"  # what it reads; it configures what the consumer does
CLIENT = (NOTHING, PUBLISH, NOTHING)
OWN = "^inn-own-replies$"


@pytest.mark.parametrize(
    ("declare", "rights"),
    [
        pytest.param(False, CONSUMER, id="queues made by somebody else"),
        pytest.param(True, DECLARING_CONSUMER, id="queues that it declares"),
    ],
)
async def test_the_consumer_works_and_the_doctor_reads_every_queue_with_the_least_rights(
    defined: Room,
    declare: bool,  # noqa: FBT001  # a column
    rights: tuple[str, str, str],
) -> None:
    with limited(defined, *rights) as uri:
        defined.broker = defined.broker._replace(uris=(uri,), declare=declare)
        async with defined.consumer(), defined.customer() as customer:
            await customer.send(ask())
            await customer.send(b"{", correlation_id="no request")
            assert sorted(reply["status"] for reply in await customer.got(2)) == ["found", "rejected"]
            await defined.holds(defined.names.dead, 1)
    with limited(defined, rights[0], PUBLISH, DOCTOR):
        first, *_ = await asyncio.to_thread(list, check_queues(defined.broker))
    assert first[0] == "ok"


async def test_the_dead_command_needs_no_right_to_configure(defined: Room) -> None:
    async with defined.channel() as channel:
        await channel.default_exchange.publish(aio_pika.Message(b"{}"), defined.names.dead)
    with limited(defined, *DEAD_COMMAND) as uri:
        broker = defined.broker._replace(uris=(uri,))
        async with open_connection(broker, Observer()) as connection:
            letters = DeadLetters(connection, defined.names, defined.names.dead)
            assert len([letter async for letter in letters.read(Selection())]) == 1
            assert len([letter async for letter in letters.replay(Selection())]) == 1


@pytest.mark.parametrize(
    ("rights", "replies", "made_by_somebody"),
    [
        pytest.param(CLIENT, "amq.rabbitmq.reply-to", False, id="direct reply-to"),
        pytest.param((NOTHING, PUBLISH, OWN), "own-replies", True, id="a queue of its own, made by somebody else"),
        pytest.param((OWN, PUBLISH, OWN), "own-replies", False, id="a queue of its own, that it declares"),
    ],
)
async def test_a_client_needs_to_publish_and_to_read_its_replies(
    defined: Room,
    rights: tuple[str, str, str],
    replies: str,
    made_by_somebody: bool,  # noqa: FBT001  # a column
) -> None:
    own = replies if replies.startswith("amq.") else f"{defined.names.source}-{replies}"
    async with defined.channel() as channel:
        if made_by_somebody:
            await channel.declare_queue(own)
        with limited(defined, *rights) as uri:
            async with defined.consumer(), await aio_pika.connect(uri) as connection:
                client = await connection.channel()
                declares = own != replies and not made_by_somebody
                queue = await (client.declare_queue(own) if declares else client.get_queue(own, ensure=False))
                async with queue.iterator(no_ack=True) as arriving:
                    message = aio_pika.Message(json.dumps(ask()).encode(), reply_to=own)
                    await client.default_exchange.publish(message, defined.names.source)
                    assert json.loads((await anext(arriving)).body)["status"] == "found"
        await channel.queue_delete(own)


async def test_a_queue_that_differs_or_is_missing_is_named_and_none_is_made(defined: Room) -> None:
    retry, foreign = defined.names.retry, defined.broker._replace(declare=False)
    with pytest.raises(BrokerRefused, match=rf"{retry} exists with another x-message-ttl"):
        await open_once(foreign._replace(retry_sec=1.0))
    async with defined.channel() as channel:
        await channel.queue_delete(retry)
    for _ in range(2):
        with pytest.raises(BrokerRefused, match=rf"{retry} does not exist, and RABBITMQ_DECLARE is false"):
            await open_once(foreign)
