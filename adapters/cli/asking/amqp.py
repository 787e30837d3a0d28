"""Asks over RabbitMQ: requests into the source queue, replies through direct reply-to."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Self
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq import exceptions
from pydantic import ValidationError

from adapters.cli.asking.places import Broker
from adapters.cli.asking.trouble import MIXED_UP, NotNow, Refused, Unreached, mixed_up
from function.cloudevent import JSON_TYPE
from function.contract import LookupResult

REPLY_TO = "amq.rabbitmq.reply-to"
CONNECT_SEC = 10.0
WHERE = "RabbitMQ"

# The first that fits speaks.
_NEVER = (
    (
        (exceptions.ProbableAuthenticationError, exceptions.AuthenticationError),
        "RabbitMQ refuses this user or password",
    ),
    # aiormq does not expect the refusal of a virtual host where it comes.
    (
        (exceptions.ConnectionNotAllowed, exceptions.InvalidFrameError),
        "RabbitMQ refuses this user the virtual host, or there is none of this name",
    ),
    (exceptions.ChannelAccessRefused, "RabbitMQ does not allow this user to write to the queue"),
)
# The last two are what a channel that has just been closed says.
_BROKEN = (exceptions.AMQPError, OSError, EOFError, RuntimeError, asyncio.InvalidStateError)


class AmqpClient:
    """One connection, made when it is first needed, and anew once it is lost. For one event loop."""

    def __init__(self, broker: Broker) -> None:
        for name in ("aio_pika", "aiormq"):
            # What they would print to stderr is told in our words, and holds addresses.
            logging.getLogger(name).addHandler(logging.NullHandler())
        self._broker = broker
        self._line: _Line | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._line is not None:
            await self._line.close()

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Send one request and wait for its reply, for ever. Raises Refused, Unreached, NotNow."""
        async with self._opening:
            if self._line is None or self._line.lost:
                self._line = await _opened(self._broker)
        return await self._line.ask(request)


class _Line:
    """An open connection, and the replies that are awaited on it."""

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
        number = uuid4().hex
        reply: asyncio.Future[LookupResult] = asyncio.get_running_loop().create_future()
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
        except _BROKEN as exc:
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


async def _opened(broker: Broker) -> _Line:
    try:
        connection = await aio_pika.connect(broker.uri, timeout=CONNECT_SEC)
    except _BROKEN as exc:
        raise translated(exc) from None
    try:
        channel = await connection.channel(on_return_raises=True)
        line = _Line(connection, channel, broker.queue)
        await line.listen()
    except _BROKEN as exc:
        await connection.close()
        raise translated(exc) from None
    return line


def translated(exc: BaseException) -> Refused | Unreached:
    """A driver's error in our words: its own may hold the address with its password."""
    for kind, words in _NEVER:
        if isinstance(exc, kind):
            return Refused(words)
    if isinstance(exc, TimeoutError):
        return Unreached(WHERE, "no connection in time")
    return Unreached(WHERE, "the connection was refused or broke: is it running there?")


def _message(request: Mapping[str, object], number: str) -> aio_pika.Message:
    return aio_pika.Message(
        json.dumps(request, ensure_ascii=False).encode(),
        content_type=JSON_TYPE,
        correlation_id=number,
        reply_to=REPLY_TO,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
