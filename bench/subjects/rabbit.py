"""RabbitMQ: answers of this service beside aio-pika's and FastStream's echoes.

A burst lies in the queue before its consumer, frozen until then, goes on; it ends when every reply
lies in the client's queue. So neither a start nor the client's work is in the figures.
"""

import time
from collections.abc import Callable

from bench.broker import Broker
from bench.figures import Subject
from bench.people import body, seed_answers
from bench.pool import MET as MET_PERSONS
from bench.pool import SEEDED, Pool
from bench.rounds import Contender, rounds
from bench.world import PEERS, Running, World

PREFETCH = 100
BURST = 4_000
UNCACHED_BURST = 250
DATABASE = "bench_rabbit"
NEW = 10_000_000
"""Numbers of persons from here on have no answer yet."""

ECHO, UVLOOP_ECHO, FASTSTREAM = "aio-pika's echo", "aio-pika's echo on uvloop", "FastStream's echo on uvloop"
UNMET, MET, TWO = "cached, not met", "cached, 9 of 10 met", "cached, two processes"
UNCACHED, UNCACHED_TWO = "uncached", "uncached, two processes"


class Fresh:
    """Persons that nobody was ever asked for."""

    def __init__(self) -> None:
        self._next = NEW

    def __call__(self, count: int) -> list[bytes]:
        """Requests for so many of them."""
        first, self._next = self._next, self._next + count
        return [body(number) for number in range(first, self._next)]


def measure(world: World) -> Subject:
    """Rates of answers and of echoes."""
    seed_answers(world.mongo_uri, DATABASE, SEEDED)
    pool, fresh = Pool(), Fresh()
    with Broker(world.node.uri, "rates") as broker:
        bench = _Bench(world, broker)
        contenders = {
            ECHO: bench.contender("echo", bench.echo("aio_pika_echo", "asyncio"), pool.unmet),
            UVLOOP_ECHO: bench.contender("uvecho", bench.echo("aio_pika_echo", "uvloop"), pool.unmet),
            FASTSTREAM: bench.contender("faststream", bench.echo("faststream_echo"), pool.unmet),
            UNMET: bench.contender("unmet", bench.service, pool.unmet, b'"cached":true'),
            MET: bench.contender("met", bench.service, pool.mostly_met, b'"cached":true', primed=True),
            TWO: bench.contender("two", bench.service, pool.unmet, b'"cached":true', processes=2),
            UNCACHED: bench.contender("new", bench.service, fresh, b'"cached":false', size=UNCACHED_BURST),
            UNCACHED_TWO: bench.contender(
                "new_two", bench.service, fresh, b'"cached":false', size=2 * UNCACHED_BURST, processes=2
            ),
        }
        subject = Subject("RabbitMQ", rounds(contenders, "messages/s"))
    subject.compare("cached by RabbitMQ, not met, to aio-pika's echo on the same loop", (UNMET, UVLOOP_ECHO), 0.65)
    subject.compare("the same to FastStream's echo", (UNMET, FASTSTREAM), 1.5)
    subject.compare("cached by RabbitMQ, 9 of 10 met, to aio-pika's echo", (MET, UVLOOP_ECHO), 0.85)
    subject.compare("uncached by RabbitMQ to aio-pika's echo", (UNCACHED, UVLOOP_ECHO), 0.2)
    subject.compare("two consumer processes to one", (TWO, UNMET), 1.3)
    return subject


class _Bench:
    """Makes contenders of the processes that consume one queue."""

    def __init__(self, world: World, broker: Broker) -> None:
        self._world = world
        self._broker = broker

    def echo(self, peer: str, *options: str) -> Callable[[str], Running]:
        """How to start a peer on a queue."""
        source = str(PEERS / f"{peer}.py")
        uri = self._world.node.uri
        return lambda queue: self._world.start("python", source, uri, queue, str(PREFETCH), *options)

    def service(self, queue: str) -> Running:
        """This service's consumer on a queue."""
        settings = self._world.settings(
            DATABASE,
            RABBITMQ_DSN=self._world.node.uri,
            RABBITMQ_SOURCE_QUEUE_NAME=queue,
            RABBITMQ_PREFETCH_COUNT=str(PREFETCH),
        )
        return self._world.start("inn", "consume", **settings)

    def contender(
        self,
        name: str,
        start: Callable[[str], Running],
        bodies: Callable[[int], list[bytes]],
        marker: bytes = b"requestId",
        *,
        size: int = BURST,
        processes: int = 1,
        primed: bool = False,
    ) -> Contender:
        """Bursts for `processes` of one kind on the queue `bench.NAME`; `primed`: the few persons are met before each."""
        queue = f"bench.{name}"
        running = [start(queue) for _ in range(processes)]
        self._broker.until_consumed(queue, processes)

        def burst() -> float:
            return self._burst(queue, running, bodies(size), marker)

        def prime() -> None:
            if primed:
                self._broker.send(queue, Pool.met())
                self._broker.read(MET_PERSONS)

        return Contender(running, size, burst, prime)

    def _burst(self, queue: str, running: list[Running], bodies: list[bytes], marker: bytes) -> float:
        count = len(bodies)
        for each in running:
            each.freeze()
        self._broker.send(queue, bodies)
        # What is in the frozen processes' hands does not lie there.
        self._broker.until(queue, count - PREFETCH * 2 * len(running))
        begun = time.perf_counter()
        for each in running:
            each.thaw()
        self._broker.until(self._broker.replies, count)
        took = time.perf_counter() - begun
        replies = self._broker.read(count)
        assert all(marker in reply.body for reply in replies), "a wrong reply"
        return count / took
