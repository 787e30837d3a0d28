"""The service as it is deployed, the faults that happen to it, and a plan of them that its seed alone decides."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep, time

from bench.servers import MeasuredProcess, Servers
from tests.servers.mongod import Member
from tests.servers.rabbitmq import Node

PROCESSES = "consumer 1", "consumer 2", "the function"
FUNCTION = 2
QUEUE = "soak"
DATABASE = "soak"
SETTINGS = {
    "CLIENT_NALOG_MIN_INTERVAL_SEC": "0.02",
    "CLIENT_NALOG_COOLDOWN_SEC": "1",
    "CLIENT_NALOG_TIMEOUT_SEC": "3",
    "CLIENT_NALOG_WAIT_SEC": "0.1",
    "APP_REQUEST_RETRY_SEC": "1",
    # No fault lasts so long that a request would be given up.
    "APP_REQUEST_RETRY_TIMES": "100",
    "MONGO_TIMEOUT_SERVER_SELECT": "500",
    "LOG_LEVEL": "WARNING",
}
FAULTS = (
    "kill a consumer",
    "pause a consumer",
    "end a consumer",
    "kill the function",
    "kill MongoDB",
    "pause MongoDB",
    "kill RabbitMQ",
    "pause RabbitMQ",
    "tax service slow",
    "tax service captcha",
    "tax service throttled",
    "tax service down",
)
BETWEEN_FAULTS_SEC = (0.5, 3.0)
FAULT_LASTS_SEC = (0.5, 4.0)
Fault = tuple[Callable[[], object], Callable[[], object]]  # what begins it and what ends it


@dataclass(frozen=True, slots=True)
class Step:
    """One fault: what, so many seconds after the one before it, and for how long."""

    after: float
    fault: str
    lasts: float


KILLS = tuple(Step(3, f"kill {process}", 0.5) for process in PROCESSES)  # kill -9 of each process in turn


def plan(seed: int, seconds: float) -> Iterator[Step]:
    """Faults to fill so many seconds. Every kind comes once before any comes twice."""
    chance = random.Random(seed)
    spent = 0.0
    kinds: list[str] = []
    while True:
        kinds = kinds or chance.sample(FAULTS, len(FAULTS))
        step = Step(chance.uniform(*BETWEEN_FAULTS_SEC), kinds.pop(), chance.uniform(*FAULT_LASTS_SEC))
        spent += step.after + step.lasts
        if spent > seconds:
            return
        yield step


class Deployment:
    """Two consumers and the function, between their servers. `processes`: in this order."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self._servers = servers
        self._chance = random.Random(seed)
        declared = time()
        self._settings = servers.consumer_settings(DATABASE, QUEUE, **SETTINGS)
        self.processes = [self._start(number) for number in range(len(PROCESSES))]
        for process in self.processes:
            process.until_ready()
        # A node that is killed before it has saved its register of queues loses them.
        servers.node.registered(declared)

    @property
    def function(self) -> MeasuredProcess:
        """The process that answers over HTTP."""
        return self.processes[FUNCTION]

    def apply(self, step: Step) -> None:
        """Let one fault happen, last and end."""
        sleep(step.after)
        end = self._begin(*step.fault.split(" ", 1))
        try:
            sleep(step.lasts)
        finally:
            end()

    def _begin(self, kind: str, target: str) -> Callable[[], object]:
        """Begin a fault; returns what ends it."""
        if kind == "tax":
            control = self._servers.emulator.control
            control(scenario=target.removeprefix("service "))
            return lambda: control(scenario="normal")
        servers: dict[str, Member | Node] = {"MongoDB": self._servers.mongo.members[0], "RabbitMQ": self._servers.node}
        begin, end = (
            self._server_fault(kind, servers[target]) if target in servers else self._process_fault(kind, target)
        )
        begin()
        return end

    def _server_fault(self, kind: str, server: Member | Node) -> Fault:
        running = server.server
        assert running is not None
        return (server.kill, server.start) if kind == "kill" else (running.pause, running.resume)

    def _process_fault(self, kind: str, target: str) -> Fault:
        number = PROCESSES.index(target) if target in PROCESSES else self._chance.randrange(FUNCTION)
        process = self.processes[number]

        def restart() -> None:
            self.processes[number] = self._start(number)

        if kind == "pause":
            return process.server.pause, process.server.resume
        return process.server.kill if kind == "kill" else process.server.stop, restart

    def _start(self, number: int) -> MeasuredProcess:
        return self._servers.start("inn", "serve" if number == FUNCTION else "consume", **self._settings)
