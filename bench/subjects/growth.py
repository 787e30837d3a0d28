"""What grows as things become many: the cost of a find, the memory of a consumer, calls to the tax service."""

import os
import time

from bench import store_growth
from bench.broker import Broker
from bench.figures import Goal, Series, Subject
from bench.people import seed_answers
from bench.pool import Pool
from bench.subjects.rabbit import Fresh
from bench.world import Running, World

ANSWERS = int(os.environ.get("BENCH_ANSWERS", str(store_growth.MANY)))
FEW, MANY = 100, int(os.environ.get("BENCH_WAITING", "100000"))
WATCH_SEC = 4.0
"""How long a consumer's memory is watched while it works."""
NEW = 60
REPEATED = 3
PROCESSES = (1, 2, 4)
DATABASE = "bench_growth"


def measure(world: World) -> Subject:
    """Three figures."""
    subject = Subject("Growth")
    _answers(subject)
    seed_answers(world.mongo_uri, DATABASE, 60_000)
    with Broker(world.node.uri, "growth") as broker:
        _waiting(subject, world, broker)
        fresh = Fresh()
        for count in PROCESSES:
            _calls(subject, world, broker, (count, fresh))
    return subject


def _answers(subject: Subject) -> None:
    growth = store_growth.measured(ANSWERS)
    subject.series += [
        Series(f"find among {store_growth.FEW:,}", "µs", [growth.few]),
        Series(f"find among {ANSWERS:,}", "µs", [growth.many]),
    ]
    what = f"cost of a cached answer at {ANSWERS:,} to {store_growth.FEW:,}"
    subject.goals.append(Goal(what, growth.ratio, 1.2, at_least=False))
    subject.notes += store_growth.report(growth).splitlines()[2:]


def _waiting(subject: Subject, world: World, broker: Broker) -> None:
    """The most memory of a consumer while so many messages wait."""
    pool = Pool()
    most: dict[int, float] = {}
    for count in (FEW, MANY):
        queue = f"bench.waiting{count}"
        running = _consumer(world, queue)
        running.freeze()
        broker.send(queue, pool.unmet(FEW) * (count // FEW))
        broker.until(queue, count - FEW * 2)
        running.thaw()
        most[count] = _peak(running)
        running.server.stop()
        broker.purge(queue)
        broker.purge(broker.replies)
        subject.series.append(Series(f"memory with {count:,} messages waiting", "MiB", [most[count]]))
    subject.notes.append(f"memory with {MANY:,} messages waiting to that with {FEW}: {most[MANY] / most[FEW]:.2f}")


def _peak(running: Running) -> float:
    most, deadline = 0.0, time.monotonic() + WATCH_SEC
    while time.monotonic() < deadline:
        most = max(most, running.memory())
        time.sleep(0.1)
    return most


def _calls(subject: Subject, world: World, broker: Broker, run: tuple[int, Fresh]) -> None:
    """Each person is asked for several times, spread over so many processes."""
    count, fresh = run
    queue = f"bench.calls{count}"
    consumers = [_consumer(world, queue) for _ in range(count)]
    broker.until_consumed(queue, count)
    world.emulator.reset()
    broker.send(queue, fresh(NEW) * REPEATED)
    broker.read(NEW * REPEATED)
    calls = world.emulator.stats().finds
    for consumer in consumers:
        consumer.server.stop()
    what = f"tax service calls per new person, {count} process{'es' if count > 1 else ''}"
    subject.goals.append(Goal(what, calls / NEW, 1, at_least=False))


def _consumer(world: World, queue: str) -> Running:
    settings = world.settings(DATABASE, RABBITMQ_DSN=world.node.uri, RABBITMQ_SOURCE_QUEUE_NAME=queue)
    running = world.start("inn", "consume", **settings)
    running.until_ready()
    return running
