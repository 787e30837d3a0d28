"""Checks RabbitMQ: connection, login, queues; and reports their messages."""

import asyncio
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from adapters.cli.doctor.finding import Finding, Kind, unreachable_cause
from adapters.rabbitmq.connection import BrokerConfig, QueueCounts, declare_queues, open_connection
from adapters.rabbitmq.errors import NO_LEADER, UNCONFIRMED, BrokerRefused, BrokerUnavailable
from function.telemetry import Observer

NAME = "RabbitMQ"
WHERE = "RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT"
PORTS = {"amqp": 5672, "amqps": 5671}


def check(broker: BrokerConfig) -> Iterator[Finding]:
    """Check that the consumer can use RabbitMQ."""
    try:
        counts = asyncio.run(_counts(broker))
    except BrokerRefused as refused:
        yield Finding(Kind.FAILED, NAME, str(refused))
        return
    except BrokerUnavailable as unavailable:
        yield Finding(Kind.FAILED, NAME, why_unavailable(broker, unavailable.code))
        return
    names = broker.names
    waiting = sum(counts[queue].ready for queue in (names.source, names.lookup, names.retry))
    yield Finding(Kind.OK, NAME, f"reached, logged in, its queues as they should be; {waiting} requests wait")
    if len(broker.uris) > 1:
        # AMQP does not report a queue's members.
        yield Finding(
            Kind.NOTE,
            NAME,
            f"a cluster: see by rabbitmq-queues quorum_status {names.source} that its queues have three members, for one"
            " with a single member is away with its node; rabbitmq-queues grow NODE all adds one",
        )
    if not counts[names.source].consumers:
        yield Finding(Kind.NOTE, NAME, f"nobody consumes {names.source}: start inn consume")
    if parked := counts[names.dead].ready:
        yield Finding(
            Kind.NOTE, NAME, f"{parked} messages are parked: inn dead list shows them, inn dead replay returns them"
        )
    if unrouted := counts[names.unrouted].ready:
        yield Finding(Kind.NOTE, NAME, f"{unrouted} replies had no queue to go to: inn dead list --unrouted shows them")


async def _counts(broker: BrokerConfig) -> dict[str, QueueCounts]:
    async with open_connection(broker, Observer()) as connection:
        await declare_queues(connection, broker)
        return {queue: await connection.counts(queue) for queue in sorted(broker.names.all)}


def why_unavailable(broker: BrokerConfig, code: str) -> str:
    """The likely cause and the remedy; `code`: of BrokerUnavailable."""
    if code in (NO_LEADER, UNCONFIRMED):
        return (
            "a queue cannot be read now, for its leader does not answer: start the node that is down, or most of its"
            " members where it has several (rabbitmq-queues quorum_status shows them)"
        )
    parts = [urlsplit(uri) for uri in broker.uris]
    why = unreachable_cause((unquote(part.hostname or ""), part.port or PORTS[part.scheme]) for part in parts)
    if why:
        return f"{why}: start it, or mend {WHERE}"
    return (
        f"something listens, but the connection breaks ({code}): is it RabbitMQ, is TLS right (amqps://)? Mend {WHERE}"
    )
