"""1,000 lookups in one consumer, whose answers the tax service is working out."""

import time

from bench.broker import BrokerClient
from bench.figures import Goal, Subject
from bench.people import Requests
from bench.servers import Servers

PENDING = 1_000
ANSWER_SEC = 30  # between a find and its answer
LIMIT_SEC = 35
FINDS_SEC = 25.0  # by then every find must have been made, and none is answered
WARM_UP = 64
SAMPLE_SEC = 0.5
QUEUE = "bench_pending"


def measure(servers: Servers) -> Subject:
    """Memory and seconds."""
    requests, emulator = Requests(), servers.emulator
    process = servers.consumer(QUEUE, QUEUE, RABBITMQ_PREFETCH_COUNT=str(PENDING))
    with BrokerClient(servers.node.uri, "pending") as client:
        # The threads, and whatever is made when it is first used, are there before.
        client.send(QUEUE, requests.new(WARM_UP))
        client.read(WARM_UP)
        emulator.reset()
        emulator.control(pending_sec=ANSWER_SEC)
        at_rest = peak = process.memory()
        client.send(QUEUE, requests.new(PENDING))
        begun = time.monotonic()
        while time.monotonic() - begun < FINDS_SEC:
            peak = max(peak, process.memory())
            time.sleep(SAMPLE_SEC)
        held = emulator.stats(brief=True).finds - client.count(client.replies)
        client.until(client.replies, PENDING)
        seconds = time.monotonic() - begun
        client.read(PENDING)
    finds = emulator.stats(brief=True).finds
    memory = (peak - at_rest) * 1024 / PENDING
    answered = f"{PENDING:,} lookups, the tax service takes {ANSWER_SEC} s: all answered"
    goals = [
        Goal("lookups pending at once in one process", held, PENDING),
        Goal("memory of a pending lookup", memory, 20, at_least=False, unit="KiB"),
        Goal(answered, seconds, LIMIT_SEC, at_least=False, unit="s"),
        Goal(f"tax service calls per person, {PENDING:,} pending", finds / PENDING, 1, at_least=False),
    ]
    return Subject("Lookups that are pending", goals=goals)
