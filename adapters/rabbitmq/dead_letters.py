"""The parked messages: listed, returned to the source queue, or deleted, one by one.

A quorum queue can't be read without a trace: each message that goes back into it counts a delivery, and at
the delivery limit, which a policy may set for all queues, it is deleted. So nothing goes back: who reads the
queue puts a confirmed copy of each message that stays at the tail, acknowledges the message, and ends when the first
copy is at the head again. A break-off leaves one message twice at the most, and loses none.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from aiormq.exceptions import InvalidFrameError
from pamqp.commands import Basic
from pydantic_core import from_json

from adapters.rabbitmq.connection import BrokerConnection, queue_answer
from adapters.rabbitmq.envelope import decode
from adapters.rabbitmq.errors import NO_QUEUE, BrokerRefused, BrokerUnavailable, QueueFull
from adapters.rabbitmq.messages import ATTEMPTS, PARKED_AT, REASON, Delivery, Message, copy_to
from adapters.rabbitmq.topology import Names
from function.request import MAX_REQUEST_ID

_NO_SOURCE = (
    "there is no queue {} to return messages to: start inn consume, which declares it, or mend"
    " RABBITMQ_SOURCE_QUEUE_NAME"
)
_FULL = "the queue {} is full (a policy limits its length), and takes no message now"
_UNREADABLE = (
    "the next message in {} has properties that cannot be read (text that is no UTF-8), and is in the way of those"
    " behind it: take it out with RabbitMQ's management page or another client, and go on"
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What may be shown of a parked message. Each is "" (0) where the message does not say it.

    `request_id` is the client's own; `reason`: a code; `parked_at`: ISO time; `attempts`: those it had.
    """

    request_id: str
    reason: str
    parked_at: str
    attempts: int


class Selection(NamedTuple):
    """Which messages are selected; "": any."""

    request_id: str = ""
    reason: str = ""

    def matches(self, letter: DeadLetter) -> bool:
        """Whether this one is selected."""
        return self.request_id in ("", letter.request_id) and self.reason in ("", letter.reason)


class DeadLetters:
    """The messages of one queue, `.dead` or `.unrouted`. All methods raise BrokerUnavailable and BrokerRefused."""

    def __init__(self, connection: BrokerConnection, names: Names, queue: str) -> None:
        self._connection = connection
        self._names = names
        self._queue = queue

    def read(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Those that are selected, oldest first but for what is parked or was broken off meanwhile."""
        return self._settle(selection, self._copy_to_tail)

    def replay(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Return them to the source queue as if they came for the first time; each one given is safely there."""
        return self._settle(selection, lambda delivery: copy_to(self._names.source, delivery, "replayed", {}))

    def drop(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Delete them; each one given is gone."""
        return self._settle(selection, lambda _: None)

    def describe(self, delivery: Delivery) -> DeadLetter:
        """What may be shown of a message, whoever parked it: this service, or the broker at the delivery limit."""
        reason, (death_reason, death_time) = delivery.headers.get(REASON), delivery.death()
        return DeadLetter(
            request_id=_request_id(delivery),
            reason=_text(reason) or death_reason,
            parked_at=_text(delivery.headers.get(PARKED_AT)) or death_time,
            # The broker parks a message that had one more attempt than was counted.
            attempts=delivery.attempts(self._names.retry) + (not reason and death_reason != ""),
        )

    async def _settle(
        self, selection: Selection, selected: Callable[[Delivery], Message | None]
    ) -> AsyncIterator[DeadLetter]:
        """Publish for each selected message what `selected` makes of it, for others a copy, and acknowledge them."""
        for _ in range(await self._ready()):
            delivery = await self._get()
            if delivery is None:
                return
            letter = self.describe(delivery)
            matches = selection.matches(letter)
            message = selected(delivery) if matches else self._copy_to_tail(delivery)
            if message is not None:
                await self._publish(message)
            await self._connection.channel.basic_ack(delivery.tag)
            if matches:
                yield letter

    def _copy_to_tail(self, delivery: Delivery) -> Message:
        """A copy for the tail of the same queue, which says of itself the same."""
        letter = self.describe(delivery)
        facts = {ATTEMPTS: letter.attempts, REASON: letter.reason, PARKED_AT: letter.parked_at}
        copy = copy_to(
            self._queue, delivery, "read", {name: fact for name, fact in facts.items() if fact}, keep_headers=True
        )
        # RabbitMQ 4.3 serves strictly by priority, and takes none for a middle one: the copy would overtake the next message.
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

    async def _ready(self) -> int:
        try:
            return (await self._connection.counts(self._queue)).ready
        except BrokerUnavailable as unavailable:
            if unavailable.code == NO_QUEUE:
                # No consumer was ever started here.
                return 0
            raise


def _request_id(delivery: Delivery) -> str:
    data = decode(delivery).data
    if isinstance(data, bytes):
        with suppress(ValueError):
            data = from_json(data, allow_inf_nan=False)
    found = data.get("requestId") if isinstance(data, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_REQUEST_ID else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
