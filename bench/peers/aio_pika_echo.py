"""aio-pika's echo: consume, publish with confirm, acknowledge; `URI QUEUE PREFETCH`."""

import asyncio
import sys

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage


async def main(uri: str, name: str, prefetch: str) -> None:
    """Echo for ever."""
    connection = await aio_pika.connect_robust(uri)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=int(prefetch))
    queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})

    async def echo(message: AbstractIncomingMessage) -> None:
        reply = aio_pika.Message(
            message.body,
            correlation_id=message.correlation_id,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await channel.default_exchange.publish(reply, message.reply_to or "")
        await message.ack()

    await queue.consume(echo)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
