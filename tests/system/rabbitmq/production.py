"""`inn serve` and `inn consume` between a real MongoDB, a real RabbitMQ, both emulated providers and a trace collector."""

import json
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from pymongo import MongoClient

from local_runtime.emulator.process import Emulator
from tests.collector import Collector, collecting
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import free_port
from tests.servers.rabbitmq import Node
from tests.system.personal import People, values
from tests.system.process import Process, settings_of
from tests.system.rabbitmq.crowd import Crowd, crowd

TOKEN, PAID_KEY = "token-2c26b46b68ffc68f", "paid-3fdba35f04dc8c46"
SECRETS = {
    "APP_SECRET_KEYS": "9f86d081884c7d659a2feaa0c55ad015,a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "HTTP_TOKENS": f"{TOKEN},token-fcde2b2edba56bf4",
    "CLIENT_APIFNS_KEY": PAID_KEY,
}
HEADERS = {
    "content-type": "application/json",
    "authorization": f"Bearer {TOKEN}",
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/t",
    "ce-type": "inn.lookup.requested",
}
_INN = re.compile(rb'"inn":"(\d+)"')


@dataclass
class Production:
    """All of it, and everything personal that was sent or came back so far.

    `in_ids`: what stood in the requests' own ids, which history keeps; `mongo_log`: what MongoDB has logged
    before it was killed.
    """

    function: Process
    consumer: Process
    customers: Crowd
    emulator: Emulator
    mongo: Mongo
    node: Node
    collector: Collector
    people: People = field(default_factory=People)
    personal: set[str] = field(default_factory=set)
    in_ids: set[str] = field(default_factory=set)
    mongo_log: str = ""
    _asked: int = 0
    _waited_for: int = 0

    def someone(self, **changes: Any) -> dict[str, Any]:
        """The request for a new person."""
        request = self.people.one(**changes)
        self.personal |= values(request)
        self._asked += 1
        return {"requestId": f"r-{self._asked}", **request}

    def posts(self, body: object, path: str = "/", **headers: str) -> urllib3.BaseHTTPResponse:
        """One HTTP request; what is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        pool, url = self.function.pool, self.function.url
        response = pool.request("POST", url + path, body=content, headers={**HEADERS, **changed})
        self.personal |= {inn.decode() for inn in _INN.findall(response.data)}
        return response

    def posts_all(self, bodies: list[dict[str, Any]]) -> list[int]:
        """Many at once; the statuses in order."""
        with ThreadPoolExecutor(len(bodies)) as threads:
            return [response.status for response in threads.map(self.posts, bodies)]

    def sends(self, body: object, **properties: Any) -> None:
        """One message; its reply is waited for where its `correlation_id` is given."""
        self._waited_for += "correlation_id" in properties
        self.customers.sends(body, **properties)

    def asks(self, requests: list[dict[str, Any]]) -> None:
        """Send these through the queue."""
        self._waited_for += len(requests)
        self.customers.asks(requests)

    def settled(self) -> dict[str, str]:
        """The statuses of all requests that were sent through the queue, once each has its reply."""
        replies = self.customers.replies
        if len(replies) < self._waited_for:
            replies = self.customers.got(self._waited_for)
        self.personal |= {copies[0]["inn"] for copies in replies.values()} - {""}
        return {name: copies[0]["status"] for name, copies in replies.items()}

    def logs_every_call(self) -> None:
        """Make MongoDB log whatever it is asked, as it does with slow calls."""
        with MongoClient[dict[str, Any]](self.mongo.uri) as client:
            client.admin.command("profile", 0, slowms=0)

    def loses_the_store(self) -> None:
        member = self.mongo.members[0]
        self.mongo_log += self.mongo_logs()
        member.kill()

    def has_the_store_again(self) -> None:
        self.mongo.members[0].start()
        self.logs_every_call()

    def mongo_logs(self) -> str:
        server = self.mongo.members[0].server
        assert server is not None
        return server.log.read_text(errors="replace")

    def metrics(self) -> list[str]:
        """Of both processes, without the numbers: a count of bytes can be anybody's document."""
        expositions = [process.get("/metrics").data.decode() for process in (self.function, self.consumer)]
        return [line.rpartition(" ")[0] for text in expositions for line in text.splitlines() if line[0] != "#"]


@contextmanager
def production(node: Node, folder: Path, source: str) -> Iterator[Production]:
    """All of it, ready."""
    with ExitStack() as stack:
        mongo = stack.enter_context(standalone(auth=True))
        emulator = stack.enter_context(Emulator("--control", json.dumps({"apifns_key": PAID_KEY})))
        collector = stack.enter_context(collecting())
        settings = {
            **settings_of(source, mongo, emulator, node),
            **SECRETS,
            "LOG_LEVEL": "DEBUG",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "MONGO_TIMEOUT_SERVER_SELECT": "500",
            "APP_REQUEST_RETRY_SEC": "0.2",
            "APP_REQUEST_RETRY_TIMES": "1",
            "APP_LOOKUP_DEADLINE_SEC": "2",
            "CLIENT_NALOG_TIMEOUT_SEC": "1",
            "CLIENT_NALOG_RETRIES": "1",
            "CLIENT_NALOG_WAIT_SEC": "0.05",
            "CLIENT_NALOG_COOLDOWN_SEC": "0.1",
            "CLIENT_APIFNS_ENABLED": "true",
            "CLIENT_APIFNS_URL": emulator.url,
        }
        function, consumer = (
            Process(["inn", command], folder, {**settings, "HTTP_PORT": str(free_port())})
            for command in ("serve", "consume")
        )
        for process in (function, consumer):
            stack.callback(process.end, signal.SIGKILL)
        for process in (function, consumer):
            process.answers("/readyz", 200)
        customers = stack.enter_context(crowd(node.uri, source))
        made = Production(function, consumer, customers, emulator, mongo, node, collector)
        made.logs_every_call()
        yield made
