"""The parked messages: seen, returned to the source queue, or deleted, one by one.

One look goes through what is there when it begins. What is not to go stays in the look's hands and is
back in the queue, in its place, when the look ends, however it ends.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from aiormq.exceptions import ChannelNotFoundEntity, InvalidFrameError, PublishError
from pamqp.commands import Basic
from pydantic_core import from_json

from adapters.rabbitmq import carried, moves
from adapters.rabbitmq.envelopes import read
from adapters.rabbitmq.faults import BrokerRefuses
from adapters.rabbitmq.messages import Delivery
from adapters.rabbitmq.session import Session
from adapters.rabbitmq.topology import Names
from function.request import MAX_REQUEST_ID

_NO_SOURCE = (
    "there is no queue {} to return messages to: start inn consume, which declares it, or mend"
    " RABBITMQ_SOURCE_QUEUE_NAME"
)
_UNREADABLE = (
    "the next message in {} has properties that cannot be read (text that is no UTF-8), and is in the way of those"
    " behind it: take it out with RabbitMQ's management page or another client, and go on"
)


@dataclass(frozen=True, slots=True)
class Parked:
    """What may be told of a parked message. Each is "" (0) where the message does not say it.

    `request_id` is the client's own; `reason`: a code; `parked_at`: ISO time; `attempts`: tries it had.
    """

    request_id: str
    reason: str
    parked_at: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages are meant; "" leaves it open."""

    request_id: str = ""
    reason: str = ""

    def takes(self, message: Parked) -> bool:
        """Whether this one is meant."""
        return self.request_id in ("", message.request_id) and self.reason in ("", message.reason)


async def listed(session: Session, names: Names, choice: Choice) -> AsyncIterator[Parked]:
    """Those that are meant, oldest first."""
    async for _, message in _looked_through(session, names, choice):
        yield message


async def replayed(session: Session, names: Names, choice: Choice) -> AsyncIterator[Parked]:
    """Return them to the source queue as if they came for the first time; each one given is safely there."""
    async for delivery, message in _looked_through(session, names, choice):
        try:
            await session.outbox.send(moves.replayed(delivery, names.source))
        except PublishError:
            raise BrokerRefuses(_NO_SOURCE.format(names.source)) from None
        await session.channel.basic_ack(delivery.tag)
        yield message


async def dropped(session: Session, names: Names, choice: Choice) -> AsyncIterator[Parked]:
    """Delete them; each one given is gone."""
    async for delivery, message in _looked_through(session, names, choice):
        await session.channel.basic_ack(delivery.tag)
        yield message


def described(delivery: Delivery) -> Parked:
    """What may be told of a message, whoever parked it: this service, or the broker at a limit of its own."""
    headers = delivery.headers
    attempts = headers.get(carried.ATTEMPTS)
    return Parked(
        request_id=_request_id(delivery),
        reason=_text(headers.get(carried.REASON)) or carried.death_reason(headers),
        parked_at=_text(headers.get(carried.PARKED_AT)) or carried.death_time(headers),
        attempts=attempts if isinstance(attempts, int) else 0,
    )


async def _looked_through(session: Session, names: Names, choice: Choice) -> AsyncIterator[tuple[Delivery, Parked]]:
    """Meant messages, unacknowledged: whoever does not acknowledge one leaves it where it was."""
    for _ in range(await _count(session, names.dead)):
        try:
            got = await session.channel.basic_get(names.dead)
        except InvalidFrameError:
            raise BrokerRefuses(_UNREADABLE.format(names.dead)) from None
        if not isinstance(got.delivery, Basic.GetOk):
            return
        delivery = Delivery(got.delivery_tag or 0, got.header.properties, got.body, 0)
        message = described(delivery)
        if choice.takes(message):
            yield delivery, message


async def _count(session: Session, queue: str) -> int:
    try:
        return (await session.channel.queue_declare(queue, passive=True)).message_count or 0
    except ChannelNotFoundEntity:
        # No consumer was ever started here.
        return 0


def _request_id(delivery: Delivery) -> str:
    event = read(delivery).event
    if isinstance(event, bytes):
        with suppress(ValueError):
            event = from_json(event, allow_inf_nan=False)
    found = event.get("requestId") if isinstance(event, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_REQUEST_ID else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
