"""`inn consume`: the RabbitMQ consumer as a production process, with its probes."""

import asyncio
from contextlib import suppress

from adapters import telemetry
from adapters.composition.consumer import ConsumerProcess, consumer_process
from adapters.config.settings import load_all
from adapters.http.probes import Probes
from adapters.http.server import SIGNALS, Server, listen, run
from adapters.runtime.process_lifetime import exit_if_threads_remain, wait_for_servers

PROBE_GRACE_SEC = 2.0
"""Time limit of probes in progress at the end: longer than one waits for its first results."""


def consume() -> None:
    """Answer requests from RabbitMQ with production settings (the environment, or .env).

    Example: RABBITMQ_DSN=amqps://user:password@broker/ inn consume
    """
    core, rabbit = load_all()
    with (
        listen(core.http.host, core.http.port) as listener,
        telemetry.start(core.app.name, core.log.level) as observer,
        consumer_process(core, rabbit, observer) as process,
    ):
        probes = Server(Probes(process.checks, observer).serve, listener, PROBE_GRACE_SEC, signals=())
        run(_consume(probes, process, core.app.start_timeout_sec))
    exit_if_threads_remain()


async def _consume(probes: Server, process: ConsumerProcess, limit: float) -> None:
    """Answer probes from the beginning to the end; consume once every server was reached. Raises NotStarted."""
    stopping = asyncio.Event()
    serving = asyncio.create_task(probes.serve())
    starting = asyncio.create_task(wait_for_servers(process.servers, limit, process.observer))

    def stop() -> None:
        stopping.set()
        starting.cancel()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        with suppress(asyncio.CancelledError):
            await starting
        if not starting.cancelled():
            await process.consumer.run(stopping)
    finally:
        probes.stop()
        await serving
