"""FastStream's echo: a subscriber whose return value is the reply; `URI QUEUE PREFETCH`."""

import sys

import uvloop
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

uri, name, prefetch = sys.argv[1:]
broker = RabbitBroker(uri, logger=None, default_channel=Channel(prefetch_count=int(prefetch)))
app = FastStream(broker, logger=None)


@broker.subscriber(RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True), ack_policy=AckPolicy.ACK)
async def echo(body: dict[str, str]) -> dict[str, str]:
    """Give it back, to where it asks for."""
    return body


if __name__ == "__main__":
    uvloop.run(app.run())
