"""The servers of one run, and the processes that are measured between them: started, frozen, watched, ended."""

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import psutil
import urllib3

from bench.people import KEY
from local_runtime.emulator.process import Emulator
from tests.servers.mongod import Mongo, replica_set
from tests.servers.process import Server, free_port, listens, start, wait_for
from tests.servers.rabbitmq import Node

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"
START_SEC = 120


class MeasuredProcess:
    """One process and its children. `port`: where it answers HTTP."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self._process = psutil.Process(server.pid)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return sum(times.user + times.system for times in (each.cpu_times() for each in self._all()))

    def memory(self) -> float:
        """MiB: anonymous pages, shared ones once, and the files of the largest process. PSS depends on other programs.

        Raises psutil.Error where one of them is gone.
        """
        try:
            rollups = [Path(f"/proc/{each.pid}/smaps_rollup").read_text() for each in self._all()]
        except OSError:
            raise psutil.NoSuchProcess(self.server.pid) from None
        sizes = [{name: int(kib) for name, kib in re.findall(r"(\w+): +(\d+) kB", text)} for text in rollups]
        files = max(kib["Rss"] - kib["Anonymous"] for kib in sizes)
        return (sum(kib["Pss_Anon"] for kib in sizes) + files) / 2**10

    def until_ready(self, path: str = "/readyz") -> Self:
        """This process, once the page answers 200."""
        pool = urllib3.PoolManager(retries=False, timeout=5)

        def is_ready() -> bool:
            with suppress(urllib3.exceptions.HTTPError):
                return pool.request("GET", f"http://127.0.0.1:{self.port}{path}").status == 200
            return False

        wait_for(is_ready, within=START_SEC, what=f"{path} of a measured process", server=self.server)
        pool.clear()
        return self

    def until_listening(self) -> None:
        """Wait until it accepts connections."""
        wait_for(lambda: listens(self.port), within=START_SEC, what="a measured process", server=self.server)

    def _all(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@dataclass(slots=True)
class Servers:
    """What one run has at hand. `start` ends what it starts with the run."""

    folder: Path
    mongo: Mongo
    emulator: Emulator
    _node: Node
    _processes: ExitStack
    _started: int = 0

    @property
    def node(self) -> Node:
        """The RabbitMQ node, started when it is first asked for."""
        self._node.start()
        return self._node

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time that each server has used so far."""
        member = self.mongo.members[0].server
        pids = {"MongoDB": member.pid if member else 0}
        if (running := self._node.folder / "pid").exists():
            pids["RabbitMQ"] = int(running.read_text())
        times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
        return {name: each.user + each.system for name, each in times.items()}

    def settings(self, database: str, **more: str) -> dict[str, str]:
        """The environment of `inn serve`, its port left to choose."""
        return {
            "MONGO_DSN": self.mongo.uri,
            "MONGO_NAME": database,
            "APP_SECRET_KEYS": KEY,
            "CLIENT_NALOG_URL": self.emulator.url,
            "CLIENT_NALOG_MIN_INTERVAL_SEC": "0",
            **more,
        }

    def consumer_settings(self, database: str, queue: str, **more: str) -> dict[str, str]:
        """The environment of `inn consume` on this queue."""
        return self.settings(database, RABBITMQ_DSN=self.node.uri, RABBITMQ_SOURCE_QUEUE_NAME=queue, **more)

    def consumer(self, database: str, queue: str, **more: str) -> MeasuredProcess:
        """An `inn consume` that is ready."""
        return self.start("inn", "consume", **self.consumer_settings(database, queue, **more)).until_ready()

    def start(self, *command: str | Path, port_in: str = "HTTP_PORT", **environment: str) -> MeasuredProcess:
        """A process of the programs beside this Python, listening on the port that the variable names."""
        self._started += 1
        port = free_port()
        log = self.folder / f"{self._started}.log"
        given = {**environment, port_in: str(port), "PYTHONPATH": str(ROOT)}
        server = start([BIN / command[0], *command[1:]], log=log, env=given, cwd=self.folder, grace=5)
        # A polite end takes seconds and is in no figure.
        self._processes.callback(server.kill)
        return MeasuredProcess(server, port)

    def reset(self) -> None:
        """End all processes; the tax service is as new."""
        self._processes.close()
        self.emulator.reset()


@contextmanager
def running_servers(node: Node | None = None) -> Iterator[Servers]:
    """MongoDB and the emulated tax service, and a folder; all ends with the block, but for a node that is given."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="inn-bench-")))
        if node is None:
            (folder / "rabbit").mkdir()
            node = Node(folder / "rabbit")
            stack.callback(node.kill)
        mongo = stack.enter_context(replica_set(1, cache_gb=2))
        emulator = stack.enter_context(Emulator())
        yield Servers(folder, mongo, emulator, node, stack.enter_context(ExitStack()))
