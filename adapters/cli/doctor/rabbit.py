"""RabbitMQ: reached, logged in, the queues as they should be; and what is in them."""

import asyncio
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from adapters.cli.doctor.finding import Finding, Kind
from adapters.cli.doctor.reach import why_not
from adapters.cli.quiet import silence_amqp
from adapters.rabbitmq.faults import BrokerAway, BrokerRefuses
from adapters.rabbitmq.session import Broker, open_session
from function.telemetry import Silent

NAME = "RabbitMQ"
WHERE = "RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT"
PORTS = {"amqp": 5672, "amqps": 5671}


def check(broker: Broker) -> Iterator[Finding]:
    """How it stands."""
    silence_amqp()
    try:
        consumers, waiting, parked = asyncio.run(_counts(broker))
    except BrokerRefuses as no:
        yield Finding(Kind.FAILED, NAME, str(no))
        return
    except BrokerAway as away:
        yield Finding(Kind.FAILED, NAME, why_away(broker, str(away)))
        return
    yield Finding(Kind.OK, NAME, f"reached, logged in, its queues as they should be; {waiting} requests wait")
    if not consumers:
        yield Finding(Kind.NOTE, NAME, f"nobody consumes {broker.names.source}: start inn consume")
    if parked:
        yield Finding(
            Kind.NOTE, NAME, f"{parked} messages are parked: inn dead list shows them, inn dead replay returns them"
        )


async def _counts(broker: Broker) -> tuple[int, int, int]:
    """Consumers, requests that wait, parked messages."""
    names = broker.names
    async with open_session(broker, Silent()) as session:
        said = [
            await session.channel.queue_declare(queue, passive=True)
            for queue in (names.source, names.lookup, names.retry, names.dead)
        ]
    counts = [(one.message_count or 0, one.consumer_count or 0) for one in said]
    return counts[0][1], sum(waiting for waiting, _ in counts[:3]), counts[3][0]


def why_away(broker: Broker, code: str) -> str:
    """The cause, as far as it can be seen, and the mend; `code` is what BrokerAway says."""
    parts = urlsplit(broker.uri)
    why = why_not(unquote(parts.hostname or ""), parts.port or PORTS[parts.scheme])
    if why:
        return f"{why}: start it, or mend {WHERE}"
    return (
        f"something listens, but the connection breaks ({code}): is it RabbitMQ, is TLS right (amqps://)? Mend {WHERE}"
    )
