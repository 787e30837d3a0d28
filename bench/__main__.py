"""`python -m bench [http rabbit latency store core start growth]`: measures these subjects, all of them by default.

BENCH_ROUNDS (5) is the number of rounds that take turns. The report goes to the terminal and to bench/report/.
"""

import argparse
import os
from collections.abc import Callable

from rich.console import Console

from bench import report
from bench.figures import Subject
from bench.subjects import core, growth, latency, rabbit, start, store, web
from bench.world import World, world

SUBJECTS: dict[str, Callable[[World], Subject]] = {
    "http": web.measure,
    "rabbit": rabbit.measure,
    "latency": latency.measure,
    "store": store.measure,
    "core": core.measure,
    "start": start.measure,
    "growth": growth.measure,
}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"any of {', '.join(SUBJECTS)}")
    chosen = parser.parse_args().subjects or list(SUBJECTS)
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    console = Console()
    before = os.getloadavg()[0]
    subjects = [_measured(name, console) for name in chosen]
    report.tell(subjects, console)
    folder = report.write(subjects, (before, os.getloadavg()[0]))
    console.print(f"{folder}/report.json, report.svg")


def _measured(name: str, console: Console) -> Subject:
    """One subject, on servers of its own: what another left behind does not weigh on it."""
    with console.status(f"measuring: {name}"), world() as servers:
        return SUBJECTS[name](servers)


if __name__ == "__main__":
    main()
