"""RabbitMQ: how long a cached answer takes while others wait for the tax service, and while none do."""

from statistics import quantiles

from bench.broker import BrokerClient
from bench.figures import ROUNDS, Series, Subject
from bench.people import FEW, seed_answers
from bench.servers import Servers

BACKLOG = 5_000
REQUESTS = 300
EVERY_SEC = 0.005
DATABASE, QUEUE, LOOKUP = "bench_latency", "bench.backlog", "bench.backlog.lookup"
WITHOUT, WITH = "p99 without a backlog", "p99 with a backlog"


def measure(servers: Servers) -> Subject:
    """Milliseconds from request to reply at a steady pace, of two consumers in turns: one alone has a backlog."""
    requests = seed_answers(servers.mongo.uri, DATABASE, FEW + REQUESTS * 2 * (ROUNDS + 1))
    servers.emulator.control(latency=0.5)
    queues = {WITHOUT: "bench.idle", WITH: QUEUE}
    for queue in queues.values():
        servers.consumer(DATABASE, queue, CLIENT_NALOG_MIN_INTERVAL_SEC="1")
    took: dict[str, list[float]] = {name: [] for name in queues}
    with BrokerClient(servers.node.uri, "latency") as client, BrokerClient(servers.node.uri, "backlog") as others:
        others.send(queues[WITH], requests.new(BACKLOG))
        others.until(LOOKUP, BACKLOG * 9 // 10)
        for queue in queues.values():
            client.paced(queue, requests.stored(REQUESTS), EVERY_SEC)
        for _ in range(ROUNDS):
            for name, queue in queues.items():
                waits = client.paced(queue, requests.stored(REQUESTS), EVERY_SEC)
                took[name].append(quantiles(waits, n=100)[98] * 1e3)
        left = others.count(LOOKUP)
    assert left > BACKLOG / 2, "the backlog was worked off"
    subject = Subject("Cached answers beside a backlog", [Series(name, "ms", values) for name, values in took.items()])
    what = f"cached p99 with a backlog of {BACKLOG:,} uncached, to without"
    subject.compare(what, (WITH, WITHOUT), 2, at_least=False)
    return subject
