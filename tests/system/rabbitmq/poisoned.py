"""A consumer that dies of one request. Run as a script: `poisoned.py URI SOURCE STORE`."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from adapters.clock import SystemClock
from adapters.rabbitmq.consumer import Consumer
from adapters.rabbitmq.session import Broker
from adapters.rabbitmq.topology import Names
from adapters.rabbitmq.work import Work
from function.contract import LookupRequest
from function.observing import Silent
from function.outcomes import Status
from function.ports import Lifetimes, Ports, Verdict
from local_runtime.store import EmbeddedStore

POISON = "poison"


class Deadly:
    """An InnProvider that kills the process where it is asked for the poisonous one."""

    def ask(self, request: LookupRequest) -> Verdict:
        if request.request_id == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return Verdict(Status.NOT_FOUND, "", "nalog")


async def main(uri: str, source: str, store: str) -> None:
    clock = SystemClock()
    answers = EmbeddedStore(Path(store), lease=0.2)
    ports = Ports(answers, Deadly(), clock, Lifetimes(timedelta(days=1), timedelta(days=1)))
    work = Work(Names(source), ports, 3, Silent())
    consumer = Consumer(Broker(uri, "poisoned", Names(source), 1), work, 100, 8)
    await consumer.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
