"""A service behind a queue, by another client library."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pika  # type: ignore[import-untyped]  # it comes without types

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]
POLL_SEC = 0.05


class Service:
    """Answers what comes into a queue: with what `answer` says, None: not at all. `asked` is what came."""

    def __init__(self, uri: str, queue: str, answer: Answer) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answer = answer
        self._over = threading.Event()
        self._connection = pika.BlockingConnection(pika.URLParameters(uri))
        self._channel = self._connection.channel()
        self._channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        self._channel.queue_purge(queue)
        self._channel.basic_consume(queue, self._on_request)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            self._connection.process_data_events(time_limit=POLL_SEC)

    def _on_request(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        request = json.loads(body)
        self.asked.append(request)
        reply = self._answer(request)
        if reply is not None:
            back = pika.BasicProperties(correlation_id=properties.correlation_id, content_type="application/json")
            channel.basic_publish("", properties.reply_to, json.dumps(reply).encode(), back)
        channel.basic_ack(method.delivery_tag)


@contextmanager
def service(uri: str, queue: str, answer: Answer) -> Iterator[Service]:
    """A service that serves."""
    running = Service(uri, queue, answer)
    try:
        yield running
    finally:
        running.close()
