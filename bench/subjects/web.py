"""HTTP: cached answers of this service beside functions-framework's echo of a CloudEvent, two workers each.

Each worker has a port of its own and half of the connections: behind one port, one worker may take all.
"""

from collections.abc import Callable

from bench.figures import ROUNDS, Contender, Subject, in_turns
from bench.http_load import drive
from bench.people import FEW, seed_answers
from bench.servers import PEERS, ROOT, MeasuredProcess, Servers

WORKERS = 2
CONNECTIONS = 32
BURST = 3_000
DATABASE = "bench_http"
ECHO, HOSTED = "asynchronous host's echo", "cached, from the store, on that host"
STORED, RECENT = "cached, from the store", "cached, 9 of 10 in memory"


def measure(servers: Servers) -> Subject:
    """Rates of cached answers and of echoes."""
    requests = seed_answers(servers.mongo.uri, DATABASE, FEW + BURST * 4 * (ROUNDS + 1))
    settings = servers.settings(DATABASE)

    def serve() -> MeasuredProcess:
        return servers.start("inn", "serve", **settings)

    def hosted(target: str, source: object, **environment: str) -> MeasuredProcess:
        command = ("functions-framework", "--asgi", "--target", target, "--source", str(source))
        return servers.start(*command, port_in="PORT", HOST="127.0.0.1", **environment)

    def contender(
        start: Callable[[], MeasuredProcess], bodies: Callable[[int], list[bytes]], marker: bytes = b'"cached":true'
    ) -> Contender:
        workers = [start() for _ in range(WORKERS)]
        for worker in workers:
            worker.until_listening()
        ports = [worker.port for worker in workers]
        return Contender(workers, BURST, lambda: drive(ports, bodies(BURST), CONNECTIONS, marker))

    contenders = {
        ECHO: contender(lambda: hosted("echo", PEERS / "echo.py"), requests.stored, b"requestId"),
        STORED: contender(serve, requests.stored),
        RECENT: contender(serve, requests.mostly_cached),
        HOSTED: contender(lambda: hosted("inn", ROOT / "adapters" / "entry.py", **settings), requests.stored),
    }
    subject = Subject("HTTP, two workers", in_turns(contenders, "requests/s", servers))
    subject.compare("cached by HTTP, from the store, to the asynchronous echo", (STORED, ECHO), 0.85, by_cpu=True)
    subject.compare("cached by HTTP, 9 of 10 in memory, to the asynchronous echo", (RECENT, ECHO), 1.1)
    return subject
