"""`python -m bench [http rabbit latency pending calls store start]`: measures these subjects, by default all.

BENCH_ROUNDS (5) is the number of rounds. The report goes to the terminal and to bench/report/.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable

from bench import report
from bench.figures import Goal, Subject
from bench.servers import Servers, running_servers
from bench.subjects import calls, latency, pending, rabbit, start, store, web

SUBJECTS: dict[str, Callable[[Servers], Subject]] = {
    "http": web.measure,
    "rabbit": rabbit.measure,
    "latency": latency.measure,
    "pending": pending.measure,
    "calls": calls.measure,
    "store": store.measure,
    "start": start.measure,
}


def main() -> int:
    """Measure and report. Returns the exit status: 1 where a subject could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"any of {', '.join(SUBJECTS)}")
    chosen = parser.parse_args().subjects or list(SUBJECTS)
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    begun, before = time.monotonic(), os.getloadavg()[0]
    report.keep_earlier()
    subjects: list[Subject] = []
    with running_servers() as servers:
        for name in chosen:
            subjects.append(_measured(name, servers))
            # After each: what a later one breaks does not take it away.
            folder = report.write(subjects, (before, os.getloadavg()[0]))
    if set(chosen) == set(SUBJECTS):
        goal = Goal("the benchmark as a whole", (time.monotonic() - begun) / 60, 6, at_least=False, unit="min")
        subjects.append(Subject("All", goals=[goal]))
        report.write(subjects, (before, os.getloadavg()[0]))
    report.show(subjects)
    print(f"{folder}/report.json, report.md, report.svg")
    return 1 if any(subject.failure for subject in subjects) else 0


def _measured(name: str, servers: Servers) -> Subject:
    """One subject. Each has a database and queues of its own, and ends with its processes."""
    begun = time.monotonic()
    try:
        subject = SUBJECTS[name](servers)
    except Exception as error:  # noqa: BLE001  # the other subjects are measured all the same
        subject = Subject(name, failure=f"{type(error).__name__}: {error}")
    servers.reset()
    subject.seconds = time.monotonic() - begun
    print(f"{subject.name}: {subject.failure or f'{subject.seconds:.0f} s'}", flush=True)
    return subject


if __name__ == "__main__":
    sys.exit(main())
