"""Lists parked messages, returns them to the source queue, or deletes them, one by one.

Reading a quorum queue leaves a trace: each requeue counts as a delivery, and at the delivery limit, which a policy may
set for all queues, the message is deleted. So nothing is requeued: a confirmed copy of each message that stays goes to
the tail, and the message is acknowledged, until all were read. An interruption leaves at most one message twice.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

from aiormq.exceptions import InvalidFrameError
from pamqp.commands import Basic

from adapters.rabbitmq.connection import BrokerConnection, queue_answer
from adapters.rabbitmq.errors import NO_QUEUE, BrokerRefused, BrokerUnavailable, QueueFull
from adapters.rabbitmq.messages import ATTEMPTS, PARKED_AT, REASON, Delivery, Message, build_copy, decode
from adapters.rabbitmq.topology import QueueNames
from function.request import MAX_REQUEST_ID, decode_json

_NO_SOURCE = (
    "there is no queue {} to return messages to: start inn consume, which declares it, or mend"
    " RABBITMQ_SOURCE_QUEUE_NAME"
)
_FULL = "the queue {} is full (a policy limits its length), and takes no message now"
_UNREADABLE = (
    "the next message in {} has properties that cannot be read (text that is no UTF-8), and is in the way of those"
    " behind it: take it out with RabbitMQ's management page or another client, and go on"
)


class DeadLetter(NamedTuple):
    """What may be shown of a parked message. Unknown values are "" or 0.

    `request_id`: the client's own; `reason`: a code; `parked_at`: ISO time; `attempts`: those made.
    """

    request_id: str
    reason: str
    parked_at: str
    attempts: int


class Selection(NamedTuple):
    """Criteria for messages; "": any."""

    request_id: str = ""
    reason: str = ""


class DeadLetters:
    """The messages of one queue, `.dead` or `.unrouted`. All methods raise BrokerUnavailable and BrokerRefused."""

    def __init__(self, connection: BrokerConnection, names: QueueNames, queue: str) -> None:
        self._connection = connection
        self._names = names
        self._queue = queue

    def read(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Yield the selected messages, oldest first unless some are parked meanwhile or a reading was interrupted."""
        return self._settle(selection, self._queue)

    def replay(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Return the selected messages to the source queue as new ones; yields each after its confirm."""
        return self._settle(selection, self._names.source)

    def drop(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Delete the selected messages; yields each after its deletion."""
        return self._settle(selection, "")

    def describe(self, delivery: Delivery) -> DeadLetter:
        """What may be shown of a message, parked by this service, or by the broker at the delivery limit."""
        reason, (death_reason, death_time) = delivery.headers.get(REASON), delivery.death()
        return DeadLetter(
            request_id=_request_id(delivery),
            reason=_text(reason) or death_reason,
            parked_at=_text(delivery.headers.get(PARKED_AT)) or death_time,
            # The last attempt of a message that the broker parks was not counted.
            attempts=delivery.attempts(self._names.retry) + (not reason and death_reason != ""),
        )

    async def _settle(self, selection: Selection, goal: str) -> AsyncIterator[DeadLetter]:
        """Move selected messages to the queue `goal`, "": nowhere, and others to the tail; yield the selected ones."""
        try:
            counted = await self._connection.counts(self._queue)
        except BrokerUnavailable as unavailable:
            if unavailable.code != NO_QUEUE:
                raise
            return  # no consumer was ever started here
        for _ in range(counted.ready):
            if (delivery := await self._get()) is None:
                return
            letter = self.describe(delivery)
            selected = selection.request_id in ("", letter.request_id) and selection.reason in ("", letter.reason)
            queue = goal if selected else self._queue
            if queue == self._queue:
                await self._publish(self._copy_to_tail(delivery, letter))
            elif queue:
                await self._publish(build_copy(queue, delivery, "replayed", {}))
            await self._connection.channel.basic_ack(delivery.tag)
            if selected:
                yield letter

    def _copy_to_tail(self, delivery: Delivery, letter: DeadLetter) -> Message:
        """A copy for the tail of the same queue, which `describe` shows as the original."""
        facts = {ATTEMPTS: letter.attempts, REASON: letter.reason, PARKED_AT: letter.parked_at}
        copy = build_copy(self._queue, delivery, "read", facts, keep_headers=True)
        # RabbitMQ 4.3 delivers strictly by priority, by default a middle one: the copy would overtake other messages.
        copy.properties.priority = 0
        return copy

    async def _publish(self, message: Message) -> None:
        try:
            await self._connection.publisher.move(message)
        except QueueFull:
            raise BrokerRefused(_FULL.format(message.queue)) from None
        except BrokerUnavailable as unavailable:
            if unavailable.code == NO_QUEUE:
                raise BrokerRefused(_NO_SOURCE.format(message.queue)) from None
            raise

    async def _get(self) -> Delivery | None:
        async with queue_answer():
            try:
                got = await self._connection.channel.basic_get(self._queue)
            except InvalidFrameError:
                raise BrokerRefused(_UNREADABLE.format(self._queue)) from None
        if not isinstance(got.delivery, Basic.GetOk):
            return None
        return Delivery(got.delivery_tag or 0, got.header.properties, got.body, 0)


def _request_id(delivery: Delivery) -> str:
    data = decode(delivery).data
    if isinstance(data, bytes):
        with suppress(ValueError):
            data = decode_json(data)
    found = data.get("requestId") if isinstance(data, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_REQUEST_ID else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
