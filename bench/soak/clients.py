"""Clients that never give up: what may not have been sent is sent again, until each request has its answer."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pika  # type: ignore[import-untyped]  # it comes without types
import urllib3
from pika.exceptions import AMQPError  # type: ignore[import-untyped]  # nor this

from bench.people import wire

FEW = 50  # persons of whom every second request asks for one
RETRY_SEC = 0.2


class Ledger:
    """Persons by request id, and every answer that came."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._new = FEW
        self.persons: dict[str, int] = {}
        self.answers: dict[str, list[dict[str, Any]]] = {}

    def next(self, client: str) -> dict[str, str]:
        """A request that was never made; every second one for one of the few."""
        with self._lock:
            if self._chance.random() < 0.5:
                number = self._chance.randrange(FEW)
            else:
                number = self._new = self._new + 1
            request_id = f"{client}-{len(self.persons)}"
            self.persons[request_id] = number
        return {**wire(number), "requestId": request_id}

    def answered(self, body: bytes) -> None:
        """Note an answer."""
        answer = json.loads(body)
        with self._lock:
            self.answers.setdefault(answer["requestId"], []).append(answer)

    def missing(self) -> set[str]:
        """Requests without an answer."""
        with self._lock:
            return self.persons.keys() - self.answers.keys()


class Client(threading.Thread):
    """Works until it is over and nothing is unfinished; whatever breaks meanwhile is tried again."""

    def __init__(self, work: Callable[["Client"], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.unfinished: list[dict[str, str]] = []
        self.over = threading.Event()
        self.start()

    @property
    def goes_on(self) -> bool:
        """Whether there is work left."""
        return bool(self.unfinished) or not self.over.is_set()

    def run(self) -> None:
        """Work."""
        while self.goes_on:
            with suppress(AMQPError, OSError, urllib3.exceptions.HTTPError):
                self._work(self)
            time.sleep(RETRY_SEC)

    def request(self, ledger: Ledger, kind: str) -> bytes:
        """The unfinished request, or else a new one."""
        if not self.unfinished:
            self.unfinished.append(ledger.next(kind))
        return json.dumps(self.unfinished[0], ensure_ascii=False).encode()


def sender(uri: str, queues: tuple[str, str], ledger: Ledger, every: float) -> Client:
    """Sends requests over RabbitMQ, each until the broker has confirmed it. `queues`: of requests, of replies."""

    def work(client: Client) -> None:
        source, replies = queues
        with _channel(uri) as channel:
            channel.confirm_delivery()
            while client.goes_on:
                properties = pika.BasicProperties(delivery_mode=2, reply_to=replies)
                channel.basic_publish("", source, client.request(ledger, "rabbit"), properties, mandatory=True)
                client.unfinished.clear()
                channel.connection.sleep(every)

    return Client(work)


def reader(uri: str, replies: str, ledger: Ledger) -> Client:
    """Reads the replies."""

    def work(client: Client) -> None:
        with _channel(uri) as channel:
            channel.queue_declare(replies, durable=True, arguments={"x-queue-type": "quorum"})
            for method, _, body in channel.consume(replies, inactivity_timeout=0.2):
                if client.over.is_set():
                    break
                if method is not None:
                    ledger.answered(body)
                    channel.basic_ack(method.delivery_tag)

    return Client(work)


def caller(url: Callable[[], str], ledger: Ledger, every: float) -> Client:
    """Sends requests over HTTP, each until it is answered."""
    pool = urllib3.PoolManager(retries=False, timeout=30)

    def work(client: Client) -> None:
        while client.goes_on:
            response = pool.request(
                "POST", url(), body=client.request(ledger, "http"), headers={"content-type": "application/json"}
            )
            if response.status == 503:
                break
            assert response.status == 200, response.status
            ledger.answered(response.data)
            client.unfinished.clear()
            time.sleep(every)

    return Client(work)


@contextmanager
def _channel(uri: str) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(f"{uri}?heartbeat=10&blocked_connection_timeout=30"))
    try:
        yield connection.channel()
    finally:
        with suppress(AMQPError, OSError):
            connection.close()
