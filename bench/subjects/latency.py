"""RabbitMQ: how long a cached answer takes while others wait for the tax service, and while none do."""

from statistics import quantiles

from bench.broker import Broker
from bench.figures import Series, Subject
from bench.people import seed_answers
from bench.pool import Pool
from bench.rounds import ROUNDS
from bench.subjects.rabbit import Fresh
from bench.world import World

SEEDED = 60_000
BACKLOG = 500
ASKED = 400
EVERY_SEC = 0.005
DATABASE = "bench_latency"
WITHOUT, WITH = "p99 without a backlog", "p99 with a backlog"


def measure(world: World) -> Subject:
    """Milliseconds from sending to reply, at a steady pace, the backlog taken away and put back in turns."""
    seed_answers(world.mongo_uri, DATABASE, SEEDED)
    queue = "bench.latency"
    world.emulator.control(latency=0.5)
    settings = world.settings(DATABASE, RABBITMQ_DSN=world.node.uri, RABBITMQ_SOURCE_QUEUE_NAME=queue)
    running = world.start("inn", "consume", **{**settings, "CLIENT_NALOG_MIN_INTERVAL_SEC": "1"})
    running.until_ready()
    pool, fresh = Pool(), Fresh()
    took: dict[str, list[float]] = {WITHOUT: [], WITH: []}
    with Broker(world.node.uri, "latency") as broker, Broker(world.node.uri, "backlog") as backlog:
        _p99(broker, queue, pool.unmet(ASKED))
        for _ in range(ROUNDS):
            took[WITHOUT].append(_p99(broker, queue, pool.unmet(ASKED)))
            backlog.send(queue, fresh(BACKLOG))
            backlog.until_idle(queue)
            took[WITH].append(_p99(broker, queue, pool.unmet(ASKED)))
            backlog.purge(f"{queue}.lookup")
    subject = Subject("Cached answers beside a backlog", [Series(name, "ms", values) for name, values in took.items()])
    subject.compare("cached p99 with a backlog of uncached to without", (WITH, WITHOUT), 2, at_least=False)
    return subject


def _p99(broker: Broker, queue: str, bodies: list[bytes]) -> float:
    """Milliseconds that 99 of 100 answers took at most."""
    sent = broker.paced(queue, bodies, EVERY_SEC)
    took = [(at - begun) * 1e3 for begun, at in sent]
    return quantiles(took, n=100)[98]
