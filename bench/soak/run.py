"""One soak from its beginning to its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from bench.broker import Broker
from bench.soak import clients
from bench.soak.clients import Client, Ledger
from bench.soak.deployment import QUEUE, Deployment, befall
from bench.soak.plan import Step, plan
from bench.soak.verdict import Verdict, judged
from bench.world import World, world

EVERY_SEC = 0.02
CALLERS = 3
SETTLE_SEC = 180.0
"""How long the last answers may take after the last fault."""
SAMPLE_SEC = 0.5
REPLIES = "soak.replies"


def soak(seconds: float, seed: int, tell: Callable[[Step], None]) -> Verdict:
    """Load and faults for so long; then all is mended, every answer is awaited, and the run is judged."""
    with world() as servers:
        deployment = Deployment(servers, seed)
        ledger = Ledger(seed)
        memory: list[float] = []
        with _clients(servers, deployment, ledger), _sampling(deployment, memory):
            for step in plan(seed, seconds):
                tell(step)
                befall(deployment, step.fault, step.after, step.lasts)
            for process in deployment.processes:
                process.until_ready()
        return judged(ledger, servers.emulator.stats(brief=True).finds, _parked(servers), memory)


@contextmanager
def _clients(servers: World, deployment: Deployment, ledger: Ledger) -> Iterator[None]:
    """All clients, until each of their requests has its answer."""
    uri = servers.node.uri
    reading = clients.reader(uri, REPLIES, ledger)
    asking: list[Client] = [clients.sender(uri, (QUEUE, REPLIES), ledger, EVERY_SEC)]

    def url() -> str:
        return f"http://127.0.0.1:{deployment.function.port}/"

    asking += [clients.caller(url, ledger, EVERY_SEC) for _ in range(CALLERS)]
    try:
        yield
    finally:
        for client in asking:
            client.over.set()
        deadline = time.monotonic() + SETTLE_SEC
        for client in asking:
            client.join(max(0, deadline - time.monotonic()))
        while ledger.missing() and time.monotonic() < deadline:
            time.sleep(SAMPLE_SEC)
        reading.over.set()
        reading.join(SETTLE_SEC)


@contextmanager
def _sampling(deployment: Deployment, memory: list[float]) -> Iterator[None]:
    """Note the memory of the largest process, now and then."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SEC):
            # One may be gone at this very moment.
            with suppress(psutil.Error):
                memory.append(max(process.memory() for process in deployment.processes))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _parked(servers: World) -> dict[str, int]:
    with Broker(servers.node.uri, "soak") as broker:
        return {queue: broker.waiting(queue) for queue in (f"{QUEUE}.dead", f"{QUEUE}.unrouted")}
