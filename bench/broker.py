"""The client's side of a RabbitMQ measurement: fills a queue, counts the replies, reads them at the end.

While a measurement runs it only asks how many replies lie in its queue, so that it costs next to nothing.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import pika  # type: ignore[import-untyped]  # it comes without types
from pika.exceptions import ChannelClosedByBroker  # type: ignore[import-untyped]  # nor this

_POLL_SEC = 0.004
LIMIT_SEC = 120


class BrokerClient:
    """A connection of a client. Replies go to a queue of its own."""

    def __init__(self, uri: str, name: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(f"{uri}?heartbeat=0"))
        self.channel: Any = self._connection.channel()
        self.replies = f"bench.replies.{name}"
        self.channel.queue_declare(self.replies, exclusive=True)

    def send(self, queue: str, bodies: Sequence[bytes]) -> None:
        """Send requests; each one's correlation id is its number."""
        for number, body in enumerate(bodies):
            self._publish(queue, body, number)

    def count(self, queue: str) -> int:
        """Messages that lie in a queue, those that were delivered and not acknowledged left out."""
        return int(self.channel.queue_declare(queue, passive=True).method.message_count)

    def until_consumed(self, queue: str, by: int) -> None:
        """Wait until there is a queue with so many consumers."""
        self._until(lambda: self._consumers(queue) >= by, f"{by} consumers of {queue}", every=0.05)

    def until(self, queue: str, count: int) -> None:
        """Wait until at least so many lie there."""
        self._until(lambda: self.count(queue) >= count, f"{count} messages in {queue}")

    def read(self, count: int) -> list[bytes]:
        """Exactly so many replies, one for each request and none beyond."""
        replies: dict[str, bytes] = {}
        for method, properties, body in self.channel.consume(self.replies, auto_ack=True, inactivity_timeout=LIMIT_SEC):
            if method is None or properties is None:
                raise TimeoutError(f"{len(replies)} of {count} replies")
            assert properties.correlation_id not in replies, "a request was answered twice"
            replies[properties.correlation_id] = body
            if len(replies) == count:
                break
        beyond = self.channel.cancel()
        assert not beyond, f"{beyond} replies more than requests"
        return list(replies.values())

    def paced(self, queue: str, bodies: Sequence[bytes], every: float) -> list[float]:
        """Send one request every so many seconds; returns the seconds that each waited for its reply."""
        sent_at: dict[str, float] = {}
        seconds: dict[str, float] = {}

        def on_reply(_channel: object, _method: object, properties: pika.BasicProperties, body: bytes) -> None:
            number = properties.correlation_id or ""
            seconds[number] = time.perf_counter() - sent_at[number]
            assert b'"cached":true' in body, "a wrong reply"

        tag = self.channel.basic_consume(self.replies, on_reply, auto_ack=True)
        begun = time.perf_counter()
        for number, body in enumerate(bodies):
            while (left := begun + number * every - time.perf_counter()) > 0:
                self._connection.process_data_events(left)
            sent_at[str(number)] = time.perf_counter()
            self._publish(queue, body, number)
        self._until(lambda: len(seconds) == len(bodies), f"{len(bodies)} replies")
        self.channel.basic_cancel(tag)
        return list(seconds.values())

    def _publish(self, queue: str, body: bytes, number: int) -> None:
        properties = pika.BasicProperties(delivery_mode=2, reply_to=self.replies, correlation_id=str(number))
        self.channel.basic_publish("", queue, body, properties)

    def _until(self, condition: Callable[[], bool], what: str, every: float = _POLL_SEC) -> None:
        deadline = time.monotonic() + LIMIT_SEC
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {LIMIT_SEC} s")
            self._connection.sleep(every)

    def _consumers(self, queue: str) -> int:
        # To ask for a queue that is not there costs the channel.
        channel = self._connection.channel()
        try:
            count = int(channel.queue_declare(queue, passive=True).method.consumer_count)
        except ChannelClosedByBroker:
            return 0
        channel.close()
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
