"""RabbitMQ: answers of this service beside aio-pika's and FastStream's echoes.

A burst lies in the queue before its consumer, frozen until then, goes on; it ends when every reply lies in the
client's queue. So neither a start nor the client's work is in the figures.
"""

import time
from collections.abc import Callable
from itertools import count

from bench.broker import BrokerClient
from bench.figures import ROUNDS, Contender, Goal, Subject, in_turns
from bench.people import FEW, Requests, body, seed_answers
from bench.servers import PEERS, MeasuredProcess, Servers

PREFETCH = 100
BURST = 2_000
UNCACHED_BURST = 200
DATABASE = "bench_rabbit"
CACHED, FETCH_AFTER = b'"cached":true', b'"cached":false'

ECHO, FASTSTREAM = "aio-pika's echo on uvloop", "FastStream's echo on uvloop"
STORED, RECENT = "cached, from the store", "cached, 9 of 10 in memory"
STORED_TWO, UNCACHED = "cached, from the store, two processes", "uncached"

StartOn = Callable[[str], MeasuredProcess]


def measure(servers: Servers) -> Subject:
    """Rates of answers and of echoes."""
    requests = seed_answers(servers.mongo.uri, DATABASE, FEW + BURST * 5 * (ROUNDS + 1))
    with BrokerClient(servers.node.uri, "rates") as client:
        subject = Subject("RabbitMQ", in_turns(_contenders(servers, client, requests), "messages/s", servers))
    subject.compare("cached by RabbitMQ, from the store, to aio-pika's echo", (STORED, ECHO), 0.9)
    subject.compare("cached by RabbitMQ, from the store, to FastStream's echo", (STORED, FASTSTREAM), 1.6)
    subject.compare("cached by RabbitMQ, 9 of 10 in memory, to aio-pika's echo", (RECENT, ECHO), 1.0)
    subject.compare("two consumer processes to one", (STORED_TWO, STORED), 1.3)
    subject.compare("uncached by RabbitMQ, instant tax service, to aio-pika's echo", (UNCACHED, ECHO), 0.15)
    cpu = (subject.series_of(UNCACHED).cpu or 0) / 1e3
    what = "processor time of the consumer for an uncached person"
    subject.goals.append(Goal(what, cpu, 2.2, at_least=False, unit="ms"))
    return subject


def _contenders(servers: Servers, client: BrokerClient, requests: Requests) -> dict[str, Contender]:
    uri, numbers = servers.node.uri, count()

    def echo(peer: str) -> StartOn:
        return lambda queue: servers.start("python", PEERS / peer, uri, queue, str(PREFETCH))

    def service(*command: str) -> StartOn:
        more = {"RABBITMQ_PREFETCH_COUNT": str(PREFETCH)}
        return lambda queue: servers.start(*command, **servers.consumer_settings(DATABASE, queue, **more))

    def contender(
        start: StartOn, bodies: Callable[[int], list[bytes]], marker: bytes, size: int = BURST, processes: int = 1
    ) -> Contender:
        queue = f"bench.rates{next(numbers)}"
        running = [start(queue) for _ in range(processes)]
        client.until_consumed(queue, processes)

        def prepare() -> None:
            if bodies == requests.mostly_cached:
                client.send(queue, [body(number) for number in range(FEW)])
                client.read(FEW)

        return Contender(running, size, lambda: _burst(client, queue, running, bodies(size), marker), prepare)

    consume, instant = service("inn", "consume"), service("python", "-m", "bench.instant_consumer")
    return {
        ECHO: contender(echo("aio_pika_echo.py"), requests.stored, b"requestId"),
        FASTSTREAM: contender(echo("faststream_echo.py"), requests.stored, b"requestId"),
        STORED: contender(consume, requests.stored, CACHED),
        RECENT: contender(consume, requests.mostly_cached, CACHED),
        STORED_TWO: contender(consume, requests.stored, CACHED, processes=2),
        UNCACHED: contender(instant, requests.new, FETCH_AFTER, UNCACHED_BURST),
    }


def _burst(
    client: BrokerClient, queue: str, running: list[MeasuredProcess], bodies: list[bytes], marker: bytes
) -> float:
    """Answers a second."""
    size = len(bodies)
    for each in running:
        each.server.pause()
    client.send(queue, bodies)
    # What was delivered to the frozen processes does not lie there.
    client.until(queue, size - PREFETCH * 2 * len(running))
    begun = time.perf_counter()
    for each in running:
        each.server.resume()
    client.until(client.replies, size)
    took = time.perf_counter() - begun
    assert all(marker in reply for reply in client.read(size)), "a wrong reply"
    return size / took
