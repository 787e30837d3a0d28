"""One of several processes that share a store and ask one tax service: `python -m tests.adapters.providers.nalog.replica`.

Takes a Job as JSON on standard input, and writes to standard output how each of its lookups ended.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from adapters.config.settings import NalogSettings
from adapters.providers import FailoverProvider
from adapters.providers.nalog import Nalog
from adapters.runtime.clock import SystemClock
from function.event import Event
from function.handler import handle
from function.outcomes import Answered, Deferred, InProgress, Reason
from function.ports import Lifetimes, Ports
from function.rate_limit import RateLimit
from function.telemetry import Observer
from local_runtime.store import EmbeddedStore

BOUND_SEC = 300
LETTERS = "абвгдежзиклмнопрст"
WAIT_SEC = 0.01
"""Before another look at what another replica is doing."""


@dataclass(frozen=True)
class Job:
    """Look up these persons (numbers), in this order, in so many threads; the rest are settings."""

    url: str
    store: str
    persons: list[int]
    threads: int = 1
    min_interval: float = 0
    cooldown: float = 0


def person(number: int) -> dict[str, Any]:
    """One of a million invented people."""
    name = "".join(LETTERS[number // 18**place % 18] for place in range(5))
    return {
        "requestId": f"r-{number}",
        "lastName": f"Выдуманный{name}",
        "firstName": "Пётр",
        "birthDate": "1980-02-03",
        "documentSerial": "4512",
        "documentNumber": f"{number + 1:06}",
    }


def run(jobs: Iterable[Job]) -> Counter[str]:
    """A process for each job, all at once; how the lookups ended."""
    with ExitStack() as stack:
        processes = []
        for job in jobs:
            process = stack.enter_context(Popen([sys.executable, "-m", __name__], stdin=PIPE, stdout=PIPE))
            processes.append((process, json.dumps(asdict(job)).encode()))
        with ThreadPoolExecutor(len(processes)) as pool:
            endings = list(pool.map(lambda both: both[0].communicate(both[1], timeout=BOUND_SEC)[0], processes))
    return Counter(ending for one in endings for ending in Counter(json.loads(one)).elements())


def work(job: Job) -> Counter[str]:
    clock, observer = SystemClock(), Observer()
    with closing(EmbeddedStore(Path(job.store), lease=60)) as store:
        tax_service = Nalog(NalogSettings(url=job.url), clock, observer, poll_wait=WAIT_SEC)
        limit = RateLimit(job.min_interval, job.cooldown, daily_limit=0, probe_lease=30)
        ports = Ports(
            store, FailoverProvider([(tax_service, limit)], store, observer, clock), clock, Lifetimes(None, None)
        )
        with ThreadPoolExecutor(job.threads) as pool:
            return Counter(pool.map(lambda number: lookup(Event(person(number)), ports), job.persons))


def lookup(event: Event, ports: Ports) -> str:
    """One lookup, as a host makes it: what has to wait, waits."""
    while True:
        match handle(event, ports):
            case Answered(_, answer, _):
                return answer.status.value
            case InProgress():
                time.sleep(WAIT_SEC)
            case Deferred(_, Reason.PENDING | Reason.PROVIDER_CLOSED | Reason.THROTTLED, seconds):
                time.sleep(max(seconds, WAIT_SEC))
            case other:
                return type(other).__name__


if __name__ == "__main__":
    json.dump(work(Job(**json.load(sys.stdin))), sys.stdout)
