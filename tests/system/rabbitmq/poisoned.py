"""A consumer that dies of one request and is started again each time. Run as a script: `poisoned.py URI SOURCE STORE`.

It prints a line for each death.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from adapters.answers.cached_answers import CachedAnswers
from adapters.rabbitmq.connection import BrokerConfig
from adapters.rabbitmq.consumer import Consumer
from adapters.rabbitmq.settlement import LaneContext
from adapters.rabbitmq.topology import QueueNames
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookup_runner import LookupRunner
from function.outcomes import Status
from function.ports import Lifetimes, Ports, Ticket, Verdict
from function.request import LookupRequest
from function.telemetry import Observer
from local_runtime.store import EmbeddedStore

POISON = "poison"
LEASE_SEC = 0.5


class Deadly:
    """An InnProvider that kills the process where it is asked for the poisonous one."""

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> Verdict:
        if request.request_id == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return Verdict(Status.NOT_FOUND, "", "nalog")


async def consume(uri: str, source: str, store: str) -> None:
    clock = SystemClock()
    answers = CachedAnswers(EmbeddedStore(Path(store), lease=LEASE_SEC), clock, Observer(), lease=LEASE_SEC)
    ports = Ports(answers, Deadly(), clock, Lifetimes(timedelta(days=1), timedelta(days=1)))
    lookups = LookupRunner(answers, ports, 8, Observer())
    context = LaneContext(QueueNames(source), lookups, clock, 3, Observer())
    consumer = Consumer(BrokerConfig((uri,), "poisoned", QueueNames(source), 1), context, 100, 100)
    await consumer.run(asyncio.Event())


def main(arguments: list[str]) -> None:
    while True:
        child = os.fork()
        if not child:
            asyncio.run(consume(*arguments))
            os._exit(1)
        os.waitpid(child, 0)
        sys.stdout.write("died\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
