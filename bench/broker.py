"""The client's side of a RabbitMQ measurement: fills a queue, watches its replies come, reads them at the end.

While a measurement runs it only asks how many replies lie in its queue, so that it costs next to nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import pika  # type: ignore[import-untyped]  # it comes without types
from pika.adapters.blocking_connection import (  # type: ignore[import-untyped]  # nor has this module
    BlockingChannel,
)
from pika.exceptions import ChannelClosedByBroker  # type: ignore[import-untyped]  # nor this

_POLL_SEC = 0.004
LIMIT_SEC = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, and when it was seen."""

    correlation_id: str
    body: bytes
    at: float


class Broker:
    """A connection of the client. Replies go to a queue of its own."""

    def __init__(self, uri: str, name: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(f"{uri}?heartbeat=0"))
        self.channel: BlockingChannel = self._connection.channel()
        self.replies = f"bench.replies.{name}"
        self.channel.queue_declare(self.replies, exclusive=True)

    def send(self, queue: str, bodies: Sequence[bytes]) -> None:
        """Send requests; each one's correlation id is its number."""
        for number, body in enumerate(bodies):
            properties = pika.BasicProperties(delivery_mode=2, reply_to=self.replies, correlation_id=str(number))
            self.channel.basic_publish("", queue, body, properties)

    def waiting(self, queue: str) -> int:
        """Messages that lie in a queue and are in nobody's hand."""
        count: int = self.channel.queue_declare(queue, passive=True).method.message_count
        return count

    def until_consumed(self, queue: str, by: int) -> None:
        """Wait until a queue is there and so many consume it."""
        deadline = time.monotonic() + LIMIT_SEC
        while self._consumers(queue) < by:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{queue} has too few consumers")
            self._connection.sleep(0.05)

    def until(self, queue: str, count: int) -> None:
        """Wait until so many lie there."""
        deadline = time.monotonic() + LIMIT_SEC
        while self.waiting(queue) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.waiting(queue)} of {count} messages in {queue}")
            self._connection.sleep(_POLL_SEC)

    def until_idle(self, queue: str) -> None:
        """Wait until nothing lies there."""
        deadline = time.monotonic() + LIMIT_SEC
        while self.waiting(queue):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{queue} is not worked off")
            self._connection.sleep(_POLL_SEC)

    def read(self, count: int) -> list[Reply]:
        """Exactly so many replies, and not one more."""
        replies: list[Reply] = []
        for method, properties, body in self.channel.consume(self.replies, auto_ack=True, inactivity_timeout=LIMIT_SEC):
            if method is None or properties is None:
                raise TimeoutError(f"{len(replies)} of {count} replies")
            replies.append(Reply(properties.correlation_id or "", body, time.perf_counter()))
            if len(replies) == count:
                break
        beyond = self.channel.cancel()
        assert not beyond, f"{beyond} replies more than asked for"
        assert len({reply.correlation_id for reply in replies}) == count, "a request was answered twice"
        return replies

    def paced(self, queue: str, bodies: Sequence[bytes], every: float) -> list[tuple[float, float]]:
        """Send one request every so many seconds and take the replies as they come: when each went and came."""
        came: dict[str, float] = {}
        went: dict[str, float] = {}

        def note(_channel: object, _method: object, properties: pika.BasicProperties, body: bytes) -> None:
            came[properties.correlation_id or ""] = time.perf_counter()
            assert b'"cached":true' in body, "a wrong reply"

        tag = self.channel.basic_consume(self.replies, note, auto_ack=True)
        begun = time.perf_counter()
        for number, body in enumerate(bodies):
            while (left := begun + number * every - time.perf_counter()) > 0:
                self._connection.process_data_events(left)
            properties = pika.BasicProperties(delivery_mode=2, reply_to=self.replies, correlation_id=str(number))
            went[str(number)] = time.perf_counter()
            self.channel.basic_publish("", queue, body, properties)
        deadline = time.monotonic() + LIMIT_SEC
        while len(came) < len(bodies) and time.monotonic() < deadline:
            self._connection.process_data_events(0.01)
        self.channel.basic_cancel(tag)
        assert came.keys() == went.keys(), "not as many replies as requests"
        return [(went[key], came[key]) for key in went]

    def purge(self, queue: str) -> None:
        """Forget what lies there."""
        self.channel.queue_purge(queue)

    def _consumers(self, queue: str) -> int:
        # To ask for a queue that is not there costs the channel.
        channel = self._connection.channel()
        try:
            count: int = channel.queue_declare(queue, passive=True).method.consumer_count
        except ChannelClosedByBroker:
            return 0
        channel.close()
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()
