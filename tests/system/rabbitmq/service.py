"""A service behind a queue, by another client library."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pika  # type: ignore[import-untyped]  # it comes without types

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]
POLL_SEC = 0.05


@dataclass
class Service:
    """`asked` is what came."""

    asked: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def service(uri: str, queue: str, answer: Answer) -> Iterator[Service]:
    """Answers what comes into a queue: with what `answer` says, None: not at all."""
    served, over = Service(), threading.Event()

    def on_request(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        request = json.loads(body)
        served.asked.append(request)
        reply = answer(request)
        if reply is not None:
            back = pika.BasicProperties(correlation_id=properties.correlation_id, content_type="application/json")
            channel.basic_publish("", properties.reply_to, json.dumps(reply).encode(), back)
        channel.basic_ack(method.delivery_tag)

    def serve() -> None:
        while not over.is_set():
            connection.process_data_events(time_limit=POLL_SEC)

    with pika.BlockingConnection(pika.URLParameters(uri)) as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_consume(queue, on_request)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield served
        finally:
            over.set()
            thread.join()
