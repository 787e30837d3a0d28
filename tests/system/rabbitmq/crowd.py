"""A customer by another client library, that asks for many at once and outlives what it asks."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pika  # type: ignore[import-untyped]  # it comes without types

from tests.servers.process import wait_for

WITHIN = 120


class Crowd:
    """Requests by their ids, and every reply to each. Its queue outlives the broker."""

    def __init__(self, connection: Any, source: str) -> None:
        self._source = source
        self._connection = connection
        self._channel = connection.channel()
        self.queue = f"{source}-crowd"
        self._channel.queue_declare(self.queue, durable=True, arguments={"x-queue-type": "quorum"})
        self._channel.confirm_delivery()
        self.replies: dict[str, list[dict[str, Any]]] = {}

    def asks(self, requests: Iterable[dict[str, Any]]) -> None:
        """For all of them; each is confirmed."""
        for request in requests:
            self.sends(request)

    def sends(self, body: object, **properties: Any) -> None:
        """One message; what is no bytes is sent as JSON. It is confirmed: what the broker refuses is sent again."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = pika.BasicProperties(**{"reply_to": self.queue, "delivery_mode": 2, **properties})

        def sent() -> bool:
            # A quorum queue that has only just been declared may refuse the first message.
            with suppress(pika.exceptions.NackError):
                self._channel.basic_publish("", self._source, content, given, mandatory=True)
                return True
            return False

        wait_for(sent, within=WITHIN, what="a broker that takes a message")

    def got(self, count: int) -> dict[str, list[dict[str, Any]]]:
        """Every reply so far, once so many requests have one."""
        for method, properties, body in self._channel.consume(self.queue, inactivity_timeout=WITHIN):
            assert method is not None, f"{len(self.replies)} of {count} replies"
            self.replies.setdefault(properties.correlation_id, []).append(json.loads(body))
            self._channel.basic_ack(method.delivery_tag)
            if len(self.replies) >= count:
                break
        self._channel.cancel()
        return self.replies

    def waiting(self, queue: str = "") -> int | None:
        """Messages in one of the service's queues, as `.dead`; None: it has not declared that."""
        with suppress(pika.exceptions.ChannelClosedByBroker), self._connection.channel() as channel:
            count: int = channel.queue_declare(f"{self._source}{queue}", passive=True).method.message_count
            return count
        return None


@contextmanager
def crowd(uri: str, source: str) -> Iterator[Crowd]:
    """A connected crowd."""
    with pika.BlockingConnection(pika.URLParameters(uri)) as connection:
        yield Crowd(connection, source)
