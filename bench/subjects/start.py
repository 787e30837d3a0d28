"""Start and memory: from exec to ready, at rest and after a load, beside functions-framework's hello world."""

import compileall
import time
from collections.abc import Callable, Mapping

from bench.figures import Series, Subject
from bench.http_load import drive
from bench.people import seed_answers
from bench.pool import Pool
from bench.rounds import ROUNDS
from bench.world import PEERS, ROOT, Running, World

LOADED = 3_000
DATABASE = "bench_start"
HELLO, HELLO_ASYNC = "hello on functions-framework", "hello on its asynchronous host"
SERVE, CONSUME = "inn serve", "inn consume"


def measure(world: World) -> Subject:
    """Seconds and MiB."""
    # As pip leaves what it installs: the peers are compiled, and so must be what was edited in place.
    for package in ("adapters", "function"):
        assert compileall.compile_dir(ROOT / package, quiet=1)
    seed_answers(world.mongo_uri, DATABASE, LOADED)
    starts = _starts(world)
    seconds: dict[str, list[float]] = {name: [] for name in starts}
    memory: dict[str, list[float]] = {name: [] for name in starts}
    spent: dict[str, list[float]] = {name: [] for name in starts}
    loaded: list[float] = []
    for _ in range(ROUNDS):
        for name, start in starts.items():
            begun = time.perf_counter()
            running = start()
            seconds[name].append(time.perf_counter() - begun)
            spent[name].append(running.cpu() * 1e6)
            memory[name].append(running.memory())
            if name == SERVE:
                drive([running.port], Pool().unmet(LOADED // 2), 32, b'"cached":true')
                loaded.append(running.memory())
            running.server.stop()
    subject = Subject("Start and memory")
    for name in starts:
        subject.series += [
            Series(f"{name}: exec to ready", "s", seconds[name], spent[name]),
            Series(f"{name}: memory at rest", "MiB", memory[name]),
        ]
    subject.series.append(Series(f"{SERVE}: memory under load", "MiB", loaded))
    for name in (SERVE, CONSUME):
        for what, bound in (("exec to ready", 2), ("memory at rest", 1.6)):
            pair = (f"{name}: {what}", f"{HELLO}: {what}")
            subject.compare(f"{name}: {what}, to functions-framework's hello", pair, bound, at_least=False)
    return subject


def _starts(world: World) -> Mapping[str, Callable[[], Running]]:
    """Each starts a process and returns once it is ready."""

    def hello(peer: str, *options: str) -> Callable[[], Running]:
        command = ("functions-framework", "--target", "hello", "--source", str(PEERS / f"{peer}.py"), *options)
        return lambda: _ready(world.start(*command, port_in="PORT", HOST="127.0.0.1"), "/")

    settings = world.settings(DATABASE, RABBITMQ_DSN=world.node.uri, RABBITMQ_SOURCE_QUEUE_NAME="bench.start")
    return {
        HELLO: hello("hello_threaded"),
        HELLO_ASYNC: hello("hello_async", "--asgi"),
        SERVE: lambda: _ready(world.start("inn", "serve", **settings), "/readyz"),
        CONSUME: lambda: _ready(world.start("inn", "consume", **settings), "/readyz"),
    }


def _ready(running: Running, path: str) -> Running:
    running.until_ready(path)
    return running
