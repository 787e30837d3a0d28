"""`inn consume` that polls at once: the seconds between a find and its polls are the real tax service's.

A program of the benchmark's own, for no deployment needs such a setting.
"""

import asyncio

from adapters import telemetry
from adapters.composition.consumer import ConsumerProcess, consumer_process
from adapters.config.settings import load_all
from adapters.http.server import run
from adapters.runtime.wait_for_servers import wait_for_servers
from function.telemetry import Observer


async def _consume(process: ConsumerProcess, limit: float, observer: Observer) -> None:
    await wait_for_servers(process.servers, limit, observer)
    await process.consumer.run(asyncio.Event())


if __name__ == "__main__":
    core, rabbit = load_all()
    with (
        telemetry.start(core.app.name, core.log.level) as observer,
        consumer_process(core, rabbit, observer, poll_wait=0) as process,
    ):
        run(_consume(process, core.app.start_timeout_sec, observer))
