"""The client over RabbitMQ: publishes requests to the source queue, and receives replies by direct reply-to."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from typing_extensions import override

from adapters.cli.client import Client, RetryLater, ServiceUnreachable
from adapters.cli.errors import Failure
from adapters.rabbitmq.connection import BrokerConfig, BrokerConnection, open_connection
from adapters.rabbitmq.errors import NO_QUEUE, BrokerUnavailable, QueueFull, translate_errors
from adapters.rabbitmq.messages import DIRECT_REPLY, PERSISTENT, Message
from adapters.rabbitmq.topology import QueueNames
from function.event import JSON_TYPE
from function.telemetry import Observer


class AmqpClient(Client):
    """One connection, opened when it is needed, and reopened when it is lost. `uris`: secrets."""

    over_http = False
    late = "is `inn consume` running? The request stays in the queue, and its answer will be kept"

    def __init__(self, uris: tuple[str, ...], queue: str) -> None:
        self._broker = BrokerConfig(uris, "inn", QueueNames(queue), retry_sec=0)
        self.name = f"the service behind the queue {queue}"
        self._queue = queue
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._connection: BrokerConnection | None = None
        self._replies: dict[str, asyncio.Future[bytes]] = {}

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @override
    async def send(self, body: bytes) -> bytes:
        request_id = uuid4().hex
        properties = Basic.Properties(
            content_type=JSON_TYPE, correlation_id=request_id, reply_to=DIRECT_REPLY, delivery_mode=PERSISTENT
        )
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = reply
        try:
            async with translate_errors():
                connection = await self._connected()
                await connection.publisher.move(Message(self._queue, properties, body))
            await asyncio.wait((reply, connection.channel.closing), return_when=asyncio.FIRST_COMPLETED)
        except QueueFull:
            raise RetryLater(f"RabbitMQ takes no more messages for the queue {self._queue} now") from None
        except BrokerUnavailable as unavailable:
            if unavailable.code == NO_QUEUE:
                hint = "name the right one by --queue, or start `inn consume`, which makes it"
                raise Failure(f"RabbitMQ has no queue {self._queue}: {hint}") from None
            raise ServiceUnreachable("RabbitMQ", unavailable.code.replace("_", " ")) from None
        finally:
            del self._replies[request_id]
        if not reply.done():
            raise ServiceUnreachable("RabbitMQ", "the connection broke")
        return reply.result()

    async def _connected(self) -> BrokerConnection:
        async with self._opening:
            if self._connection is None or self._connection.channel.closing.done():
                await self._stack.aclose()
                connection = await self._stack.enter_async_context(open_connection(self._broker, Observer()))
                # Direct reply-to needs its consumer before the first request, on the same channel.
                await connection.channel.basic_consume(DIRECT_REPLY, self._on_reply, no_ack=True)
                self._connection = connection
            return self._connection

    async def _on_reply(self, message: DeliveredMessage) -> None:
        reply = self._replies.get(message.header.properties.correlation_id or "")
        if reply is not None and not reply.done():
            reply.set_result(message.body)
