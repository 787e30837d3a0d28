"""Clients that never give up: what they were not sure to have sent they send again, until each request has its answer."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pika  # type: ignore[import-untyped]  # it comes without types
import urllib3
from pika.exceptions import AMQPError  # type: ignore[import-untyped]  # nor this

from bench.people import wire

MET = 50
"""Persons of whom every second request asks one."""
AGAIN_SEC = 0.2
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/soak",
    "ce-type": "inn.lookup.requested",
    "content-type": "application/json",
}


class Ledger:
    """Who was asked for, by request id, and every answer that came."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._fresh = MET
        self.persons: dict[str, int] = {}
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.replies = Counter[str]()

    def next(self, way: str) -> dict[str, str]:
        """A request that was never made; every second one for somebody met before."""
        with self._lock:
            if self._dice.random() < 0.5:
                number = self._dice.randrange(MET)
            else:
                number = self._fresh = self._fresh + 1
            request_id = f"{way}-{len(self.persons)}"
            self.persons[request_id] = number
        return {**wire(number), "requestId": request_id}

    def answered(self, way: str, body: bytes) -> None:
        """Note an answer."""
        answer = json.loads(body)
        with self._lock:
            self.answers.setdefault(answer["requestId"], []).append(answer)
            self.replies[way] += 1

    def missing(self) -> set[str]:
        """Requests without an answer."""
        with self._lock:
            return self.persons.keys() - self.answers.keys()


class Client(threading.Thread):
    """Repeats one thing until it is to stop; whatever breaks meanwhile is tried again."""

    def __init__(self, once: Callable[["Client"], None]) -> None:
        super().__init__(daemon=True)
        self._once = once
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        """Until it is over."""
        while not self.over.is_set():
            with suppress(AMQPError, OSError):
                self._once(self)
            self.over.wait(AGAIN_SEC)


def sender(uri: str, queues: tuple[str, str], ledger: Ledger, every: float) -> Client:
    """Sends requests over RabbitMQ, each until the broker has confirmed it. `queues`: of requests, of replies."""
    unsure: list[dict[str, str]] = []

    def once(client: Client) -> None:
        source, replies = queues
        connection = pika.BlockingConnection(pika.URLParameters(f"{uri}?heartbeat=10&blocked_connection_timeout=30"))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            while not client.over.is_set() or unsure:
                if not unsure:
                    unsure.append(ledger.next("rabbit"))
                body = json.dumps(unsure[0], ensure_ascii=False).encode()
                properties = pika.BasicProperties(delivery_mode=2, reply_to=replies)
                channel.basic_publish("", source, body, properties, mandatory=True)
                unsure.clear()
                connection.sleep(every)
        finally:
            with suppress(AMQPError, OSError):
                connection.close()

    return Client(once)


def reader(uri: str, replies: str, ledger: Ledger) -> Client:
    """Takes the replies."""

    def once(client: Client) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(f"{uri}?heartbeat=10"))
        try:
            channel = connection.channel()
            channel.queue_declare(replies, durable=True, arguments={"x-queue-type": "quorum"})
            for method, _, body in channel.consume(replies, inactivity_timeout=0.2):
                if client.over.is_set():
                    break
                if method is not None:
                    ledger.answered("rabbit", body)
                    channel.basic_ack(method.delivery_tag)
        finally:
            with suppress(AMQPError, OSError):
                connection.close()

    return Client(once)


def caller(url: Callable[[], str], ledger: Ledger, every: float) -> Client:
    """Asks over HTTP, each request until it is answered."""
    pool = urllib3.PoolManager(retries=False, timeout=30)
    waiting: list[dict[str, str]] = []

    def once(client: Client) -> None:
        while not client.over.is_set() or waiting:
            if not waiting:
                waiting.append(ledger.next("http"))
            body = json.dumps(waiting[0], ensure_ascii=False).encode()
            try:
                response = pool.request("POST", url(), body=body, headers=HEADERS)
            except urllib3.exceptions.HTTPError:
                time.sleep(AGAIN_SEC)
                continue
            if response.status == 503:
                time.sleep(AGAIN_SEC)
                continue
            assert response.status == 200, response.status
            ledger.answered("http", response.data)
            waiting.clear()
            time.sleep(every)

    return Client(once)
