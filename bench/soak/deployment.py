"""The service as it is deployed, and how each fault befalls it and is mended."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep, time

from bench.world import Running, World

CONSUMERS = 2
QUEUE = "soak"
DATABASE = "soak"
PACE = {
    "CLIENT_NALOG_MIN_INTERVAL_SEC": "0.02",
    "CLIENT_NALOG_COOLDOWN_SEC": "1",
    "CLIENT_NALOG_TIMEOUT_SEC": "3",
    "CLIENT_NALOG_WAIT_SEC": "0.1",
    "APP_REQUEST_RETRY_SEC": "1",
    # No fault lasts so long that a request would be given up.
    "APP_REQUEST_RETRY_TIMES": "100",
    "MONGO_TIMEOUT_SERVER_SELECT": "500",
}


class Deployment:
    """Two consumers and the function, between their servers."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._dice = random.Random(seed)
        declared = time()
        self._settings = world.settings(
            DATABASE, RABBITMQ_DSN=world.node.uri, RABBITMQ_SOURCE_QUEUE_NAME=QUEUE, LOG_LEVEL="WARNING", **PACE
        )
        self.consumers = [self._start("consume") for _ in range(CONSUMERS)]
        self.function = self._start("serve")
        for process in self.processes:
            process.until_ready()
        # A node that is killed before it has saved its register of queues loses them.
        world.node.registered(declared)

    @property
    def processes(self) -> list[Running]:
        """All of the service's."""
        return [*self.consumers, self.function]

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Something is wrong while the block lasts."""
        kind, _, whom = name.partition(" ")
        if name.startswith("tax service"):
            mend = self._scenario(name.rpartition(" ")[2])
        elif whom == "a consumer":
            mend = self._consumer(kind)
        elif whom == "the function":
            mend = self._function()
        else:
            mend = self._mongo(kind) if whom == "MongoDB" else self._rabbit(kind)
        try:
            yield
        finally:
            mend()

    def _scenario(self, scenario: str) -> Callable[[], object]:
        self._world.emulator.control(scenario=scenario)
        return lambda: self._world.emulator.control(scenario="normal")

    def _consumer(self, kind: str) -> Callable[[], None]:
        number = self._dice.randrange(CONSUMERS)
        process = self.consumers[number]
        if kind == "pause":
            process.freeze()
            return process.thaw
        (process.server.kill if kind == "kill" else process.server.stop)()

        def again() -> None:
            self.consumers[number] = self._start("consume")

        return again

    def _function(self) -> Callable[[], None]:
        self.function.server.kill()

        def again() -> None:
            self.function = self._start("serve")

        return again

    def _mongo(self, kind: str) -> Callable[[], None]:
        member = self._world.mongo.members[0]
        assert member.server is not None
        if kind == "pause":
            pid = member.server.pid
            os.kill(pid, signal.SIGSTOP)
            return lambda: os.kill(pid, signal.SIGCONT)
        member.kill()
        return member.start

    def _rabbit(self, kind: str) -> Callable[[], None]:
        node = self._world.node
        if kind == "pause":
            node.pause()
            return node.resume
        node.kill()
        return node.start

    def _start(self, command: str) -> Running:
        return self._world.start("inn", command, **self._settings)


def befall(deployment: Deployment, name: str, after: float, lasts: float) -> None:
    """One step of the plan."""
    sleep(after)
    with deployment.fault(name):
        sleep(lasts)
