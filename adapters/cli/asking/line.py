"""A connection to RabbitMQ, and the replies that are awaited on it: direct reply-to leads them to its channel."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq import exceptions
from pydantic import ValidationError

from adapters.cli.asking.broken import BROKEN, WHERE, is_broken, translated
from adapters.cli.asking.places import Broker
from adapters.cli.asking.trouble import MIXED_UP, NotNow, Refused, Unreached, mixed_up
from function.event import JSON_TYPE
from function.request import LookupResult

REPLY_TO = "amq.rabbitmq.reply-to"
CONNECT_SEC = 10.0


class Line:
    """An open connection. It is of no more use once it is `lost`."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, queue: str) -> None:
        self._connection = connection
        self._channel = channel
        self._queue = queue
        self._awaited: dict[str, asyncio.Future[LookupResult]] = {}
        self.lost = False
        connection.close_callbacks.add(self._on_close)
        channel.close_callbacks.add(self._on_close)

    async def listen(self) -> None:
        """Be ready for replies; direct reply-to wants that before the first request, on the same channel."""
        replies = await self._channel.get_queue(REPLY_TO, ensure=False)
        await replies.consume(self._on_reply, no_ack=True)

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Send one request and wait for its reply, for ever."""
        number = uuid4().hex
        reply: asyncio.Future[LookupResult] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(_seen)
        self._awaited[number] = reply
        try:
            await self._publish(_message(request, number))
            result = await reply
        finally:
            del self._awaited[number]
        if mixed_up(request["requestId"], result):
            raise Refused(MIXED_UP)
        return result

    async def close(self) -> None:
        """Leave. What is still unanswered is answered to nobody."""
        await self._connection.close()

    async def _publish(self, message: aio_pika.Message) -> None:
        try:
            await self._channel.default_exchange.publish(message, routing_key=self._queue)
        except exceptions.PublishError:
            raise Refused(
                f"RabbitMQ has no queue {self._queue}: name the right one by --queue, or start `inn consume`, which makes it"
            ) from None
        except exceptions.DeliveryError:
            raise NotNow(f"RabbitMQ takes no more messages for the queue {self._queue} now") from None
        except Exception as exc:
            if not is_broken(exc):
                raise
            raise translated(exc) from None

    async def _on_reply(self, message: AbstractIncomingMessage) -> None:
        reply = self._awaited.get(message.correlation_id or "")
        if reply is None or reply.done():
            return
        try:
            reply.set_result(LookupResult.model_validate_json(message.body))
        except ValidationError:
            reply.set_exception(Refused("what answered over RabbitMQ is not the INN service: check --queue"))

    def _on_close(self, *_: Any) -> None:
        self.lost = True
        for reply in self._awaited.values():
            if not reply.done():
                reply.set_exception(Unreached(WHERE, "the connection broke"))


async def opened(broker: Broker) -> Line:
    """A line that is ready. Raises Refused, Unreached."""
    try:
        connection = await aio_pika.connect(broker.uri, timeout=CONNECT_SEC)
    except BROKEN as exc:
        raise translated(exc) from None
    try:
        channel = await connection.channel(on_return_raises=True)
        line = Line(connection, channel, broker.queue)
        await line.listen()
    except BROKEN as exc:
        await connection.close()
        raise translated(exc) from None
    return line


def _seen(reply: asyncio.Future[LookupResult]) -> None:
    # Of a request that could not be sent nobody awaits the reply: how it ended would be printed as an error.
    if not reply.cancelled():
        reply.exception()


def _message(request: Mapping[str, object], number: str) -> aio_pika.Message:
    return aio_pika.Message(
        json.dumps(request, ensure_ascii=False).encode(),
        content_type=JSON_TYPE,
        correlation_id=number,
        reply_to=REPLY_TO,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
