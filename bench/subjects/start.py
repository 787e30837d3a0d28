"""Start and memory: from exec to ready, at rest, beside functions-framework's hello servers."""

import compileall
import time
from collections.abc import Callable
from statistics import median

from bench.figures import ROUNDS, Series, Subject
from bench.servers import PEERS, ROOT, MeasuredProcess, Servers

DATABASE = "bench_start"
HELLO, SERVE, CONSUME = "hello on functions-framework", "inn serve", "inn consume"


def measure(servers: Servers) -> Subject:
    """Seconds and MiB."""
    # As pip leaves what it installs: the peers are compiled, and so must be what was edited in place.
    for package in ("adapters", "function"):
        assert compileall.compile_dir(ROOT / package, quiet=1)
    settings = servers.consumer_settings(DATABASE, "bench.start")
    framework = ("functions-framework", "--target", "hello", "--source", str(PEERS / "hello.py"))
    starts: dict[str, Callable[[], MeasuredProcess]] = {
        HELLO: lambda: servers.start(*framework, port_in="PORT", HOST="127.0.0.1").until_ready("/"),
        SERVE: lambda: servers.start("inn", "serve", **settings).until_ready(),
        CONSUME: lambda: servers.start("inn", "consume", **settings).until_ready(),
    }
    rounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in starts}
    for _ in range(ROUNDS):
        for name, start in starts.items():
            begun = time.perf_counter()
            process = start()
            rounds[name].append((time.perf_counter() - begun, process.memory(), process.cpu() * 1e6))
            process.server.kill()
    subject = Subject("Start and memory")
    for name, measured in rounds.items():
        seconds, memory, cpu = zip(*measured, strict=True)
        subject.series.append(Series(f"{name}: exec to ready", "s", seconds, median(cpu)))
        subject.series.append(Series(f"{name}: memory at rest", "MiB", memory))
    for name in (SERVE, CONSUME):
        for what, bound in (("exec to ready", 1.6), ("memory at rest", 1.35)):
            pair = (f"{name}: {what}", f"{HELLO}: {what}")
            subject.compare(f"{name}: {what}, to functions-framework's hello", pair, bound, at_least=False)
    return subject
