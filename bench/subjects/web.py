"""HTTP: cached answers of this service beside functions-framework's echoes of a CloudEvent, two workers each.

Each worker has a port of its own and half of the connections: behind one port, one worker may take all.
"""

from collections.abc import Callable

from bench.figures import Subject
from bench.http_load import drive
from bench.people import seed_answers
from bench.pool import SEEDED, Pool
from bench.rounds import Contender, rounds
from bench.world import PEERS, ROOT, Running, World

WORKERS = 2
CONNECTIONS = 32
BURST = 6_000
THREADED_BURST = 2_000
DATABASE = "bench_http"

ECHO, THREADED = "asynchronous host's echo", "threaded host's echo"
HOSTED, MET, UNMET = "cached, on that host", "cached, 9 of 10 met", "cached, not met"


def measure(world: World) -> Subject:
    """Rates of cached answers and of echoes."""
    seed_answers(world.mongo_uri, DATABASE, SEEDED)
    pool = Pool()
    contenders = {
        THREADED: _contender(_echoes(world, "echo_threaded"), pool.unmet, b"requestId", THREADED_BURST),
        ECHO: _contender(_echoes(world, "echo_async", "--asgi"), pool.unmet, b"requestId"),
        UNMET: _contender(_serving(world), pool.unmet, b'"cached":true'),
        MET: _contender(_serving(world), pool.mostly_met, b'"cached":true'),
        HOSTED: _contender(_hosted(world), pool.unmet, b'"cached":true'),
    }
    subject = Subject("HTTP, two workers", rounds(contenders, "requests/s"))
    subject.compare("cached by HTTP, not met, to the asynchronous echo", (UNMET, ECHO), 0.8)
    subject.compare("cached by HTTP, 9 of 10 met, to the asynchronous echo", (MET, ECHO), 0.8)
    return subject


def _contender(
    workers: list[Running], bodies: Callable[[int], list[bytes]], marker: bytes, size: int = BURST
) -> Contender:
    ports = [worker.port for worker in workers]
    return Contender(workers, size, lambda: drive(ports, bodies(size), CONNECTIONS, marker))


def _echoes(world: World, peer: str, *options: str) -> list[Running]:
    source = str(PEERS / f"{peer}.py")
    command = ("functions-framework", "--target", "echo", "--source", source, *options)
    workers = [world.start(*command, port_in="PORT", HOST="127.0.0.1") for _ in range(WORKERS)]
    for worker in workers:
        worker.until_listening()
    return workers


def _serving(world: World) -> list[Running]:
    return _ready([world.start("inn", "serve", **world.settings(DATABASE)) for _ in range(WORKERS)])


def _hosted(world: World) -> list[Running]:
    command = ("functions-framework", "--asgi", "--target", "inn", "--source", str(ROOT / "adapters" / "entry.py"))
    settings = world.settings(DATABASE)
    return _ready([world.start(*command, port_in="PORT", HOST="127.0.0.1", **settings) for _ in range(WORKERS)])


def _ready(workers: list[Running]) -> list[Running]:
    for worker in workers:
        worker.until_ready()
    return workers
