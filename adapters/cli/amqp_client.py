"""The client over RabbitMQ: publishes requests to the source queue, and receives replies by direct reply-to."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any
from uuid import uuid4

from aiormq import Channel
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import ChannelAccessRefused, DeliveryError, PublishError
from pamqp.commands import Basic
from typing_extensions import override

from adapters.cli.destination import Client, RetryLater, ServiceUnreachable, read_result
from adapters.cli.errors import Failure
from adapters.rabbitmq.connection import BrokerConfig, BrokerConnection, open_connection
from adapters.rabbitmq.errors import BrokerRefused, BrokerUnavailable, translate_errors
from adapters.rabbitmq.messages import DIRECT_REPLY, PERSISTENT
from adapters.rabbitmq.topology import QueueNames
from function.event import JSON_TYPE
from function.result import LookupResult
from function.telemetry import Observer


class AmqpClient(Client):
    """One connection, opened when it is needed, and reopened when it is lost. `uris`: secrets."""

    over_http = False

    def __init__(self, uris: tuple[str, ...], queue: str) -> None:
        self._broker = BrokerConfig(uris, "inn", QueueNames(queue), retry_sec=0)
        self._queue = queue
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._connection: BrokerConnection | None = None
        self._replies: dict[str, asyncio.Future[bytes]] = {}

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @override
    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        channel = await self._channel()
        correlation_id = uuid4().hex
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._replies[correlation_id] = reply
        try:
            await self._publish(channel, request, correlation_id)
            ends: tuple[asyncio.Future[Any], ...] = (reply, channel.closing)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._replies[correlation_id]
        if not reply.done():
            raise ServiceUnreachable("RabbitMQ", "the connection broke")
        return read_result(reply.result(), request, "what answered over RabbitMQ", "--queue")

    @override
    def timed_out(self, seconds: float) -> Failure:
        return Failure(
            f"no reply by way of the queue {self._queue} in {seconds:g} s: is `inn consume` running? "
            "The request stays in the queue, and its answer will be kept"
        )

    async def _channel(self) -> Channel:
        async with self._opening:
            if self._connection is None or self._connection.channel.closing.done():
                self._connection = None
                await self._stack.aclose()
                with _failures():
                    connection = await self._stack.enter_async_context(open_connection(self._broker, Observer()))
                    # Direct reply-to needs its consumer before the first request, on the same channel.
                    await connection.channel.basic_consume(DIRECT_REPLY, self._on_reply, no_ack=True)
                self._connection = connection
            return self._connection.channel

    async def _publish(self, channel: Channel, request: Mapping[str, object], correlation_id: str) -> None:
        properties = Basic.Properties(
            content_type=JSON_TYPE,
            correlation_id=correlation_id,
            reply_to=DIRECT_REPLY,
            delivery_mode=PERSISTENT,
        )
        body = json.dumps(request, ensure_ascii=False).encode()
        with _failures():
            try:
                await channel.basic_publish(body, routing_key=self._queue, properties=properties, mandatory=True)
            except PublishError:
                hint = "name the right one by --queue, or start `inn consume`, which makes it"
                raise Failure(f"RabbitMQ has no queue {self._queue}: {hint}") from None
            except DeliveryError:
                raise RetryLater(f"RabbitMQ takes no more messages for the queue {self._queue} now") from None
            except ChannelAccessRefused:
                text = f"RabbitMQ does not allow this user to write to the queue {self._queue}"
                raise Failure(text) from None

    async def _on_reply(self, message: DeliveredMessage) -> None:
        reply = self._replies.get(message.header.properties.correlation_id or "")
        if reply is not None and not reply.done():
            reply.set_result(message.body)


@contextmanager
def _failures() -> Iterator[None]:
    """Translate the broker's errors into a client's."""
    try:
        with translate_errors():
            yield
    except BrokerRefused as refused:
        raise Failure(f"RabbitMQ: {refused}") from None
    except BrokerUnavailable as unavailable:
        raise ServiceUnreachable("RabbitMQ", unavailable.code.replace("_", " ")) from None
