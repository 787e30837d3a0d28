"""The soak: a mixed load while servers and processes are killed, paused and restarted, and what must hold at its end."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from bench.broker import BrokerClient
from bench.servers import Servers, running_servers
from bench.soak import clients
from bench.soak.clients import Ledger
from bench.soak.faults import QUEUE, Deployment, Step, plan
from bench.soak.verdict import Verdict, judge

EVERY_SEC = 0.02
CALLERS = 3
SETTLE_SEC = 180.0  # how long the last answers may take after the last fault
SAMPLE_SEC = 0.5
REPLIES = "soak.replies"


def soak(seconds: float, seed: int, announce: Callable[[Step], None]) -> Verdict:
    """Load and faults for so long, on servers of its own."""
    with running_servers() as servers:
        return run(servers, seed, plan(seed, seconds), announce)


def run(servers: Servers, seed: int, steps: Iterable[Step], announce: Callable[[Step], None]) -> Verdict:
    """Load and these faults; then every process is ready again, every answer is awaited, and the run is judged."""
    deployment = Deployment(servers, seed)
    ledger = Ledger(seed)
    memory: list[float] = []
    with _load(servers, deployment, ledger), _sampling(deployment, memory):
        for step in steps:
            announce(step)
            deployment.apply(step)
        for process in deployment.processes:
            process.until_ready()
    with BrokerClient(servers.node.uri, "soak") as client:
        parked = {queue: client.count(queue) for queue in (f"{QUEUE}.dead", f"{QUEUE}.unrouted")}
    return judge(ledger, servers.emulator.stats(brief=True).finds, parked, memory)


@contextmanager
def _load(servers: Servers, deployment: Deployment, ledger: Ledger) -> Iterator[None]:
    """All clients, until each of their requests has its answer."""

    def url() -> str:
        return f"http://127.0.0.1:{deployment.function.port}/"

    uri = servers.node.uri
    reader = clients.reader(uri, REPLIES, ledger)
    senders = [clients.caller(url, ledger, EVERY_SEC) for _ in range(CALLERS)]
    senders.append(clients.sender(uri, (QUEUE, REPLIES), ledger, EVERY_SEC))
    try:
        yield
    finally:
        for client in senders:
            client.over.set()
        deadline = time.monotonic() + SETTLE_SEC
        for client in senders:
            client.join(max(0, deadline - time.monotonic()))
        while ledger.missing() and time.monotonic() < deadline:
            time.sleep(SAMPLE_SEC)
        reader.over.set()
        reader.join(SETTLE_SEC)


@contextmanager
def _sampling(deployment: Deployment, memory: list[float]) -> Iterator[None]:
    """Sample the memory of the largest process."""
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
