"""How often the tax service is asked for one new person: by several processes, and while each of them is killed."""

from itertools import pairwise

from bench.broker import BrokerClient
from bench.figures import Goal, Subject
from bench.people import Requests
from bench.servers import Servers
from bench.soak import run
from bench.soak.faults import KILLS

NEW = 60
REPEATED = 3
PROCESSES = (1, 2, 4)
DATABASE, QUEUE = "bench_calls", "bench.calls"


def measure(servers: Servers) -> Subject:
    """Searches at the tax service for each new person."""
    subject = Subject("Calls to the tax service")
    requests = Requests()
    with BrokerClient(servers.node.uri, "calls") as client:
        for before, count in pairwise((0, *PROCESSES)):
            for _ in range(before, count):
                servers.consumer(DATABASE, QUEUE)
            servers.emulator.reset()
            client.send(QUEUE, requests.new(NEW) * REPEATED)
            client.read(NEW * REPEATED)
            calls = servers.emulator.stats(brief=True).finds
            what = f"tax service calls per new person, {count} process{'es' if count > 1 else ''}"
            subject.goals.append(Goal(what, calls / NEW, 1, at_least=False))
    servers.emulator.reset()
    verdict = run(servers, 1, KILLS, lambda _step: None)
    subject.failure = "; ".join(verdict.faults)
    ratio = verdict.calls / verdict.persons
    subject.goals.append(Goal("tax service calls per new person, kill -9 of each process", ratio, 1.05, at_least=False))
    subject.notes.append(f"{verdict.persons:,} persons in {verdict.requests:,} requests while each process was killed")
    return subject
