"""Many processes on one rate limit with a captcha in it, by a virtual clock: `python -m bench.simulation [PROCESSES]`.

The decisions are those of `function.rate_limit`. Each process makes one fetch at a time and waits as long as a denial
says, as `LookupRunner` and `FailoverProvider` do; the state is read, decided upon, and replaced on condition that it is still the same, as in
MongoDB. How long a call of the store and a find take is random, by a seed.
"""

import heapq
import random
import sys
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from adapters.providers.failover import HALF_OPEN_SEC
from adapters.runtime.lookup_runner import FIRST_BACKOFF_SEC
from function import rate_limit
from function.rate_limit import DenialReason, Denied, ProviderState, RateLimit

LIMIT = RateLimit(min_interval=1, cooldown=60, daily_limit=0, probe_lease=40)
SECONDS = 3_600.0
CAPTCHA = 600.0, 700.0  # from when to when the provider wants a captcha
CALL_SEC = 0.0005, 0.004  # on the way to the store, or back
FIND_SEC = 0.1, 0.5

T = TypeVar("T")
Steps = Generator[float, None, T]


@dataclass
class Run:
    """What happened: when each process had its permits, which finds met the captcha, and how often the store was called."""

    permits: list[tuple[float, int]] = field(default_factory=list)
    captchas: int = 0
    calls: int = 0

    @property
    def shortest_gap(self) -> float:
        """Seconds between two permits, at the least."""
        return min(later - earlier for (earlier, _), (later, _) in pairwise(self.permits))

    @property
    def permits_of(self) -> Counter[int]:
        """How many each process had."""
        return Counter(number for _, number in self.permits)

    @property
    def recovery(self) -> float:
        """Seconds from the captcha's end to the first permit that follows another one at the pace."""
        after = [time for time, _ in self.permits if time > CAPTCHA[1]]
        return (
            next(later for earlier, later in pairwise(after) if later - earlier < LIMIT.min_interval * 2) - CAPTCHA[1]
        )


class Simulation:
    """Processes, which yield seconds to wait, and the store that they share."""

    def __init__(self, seed: int) -> None:
        self.run = Run()
        self._chance = random.Random(seed)
        self._state = ProviderState()
        self._now = 0.0

    def simulate(self, processes: int, seconds: float) -> Run:
        """Let so many processes work for so long."""
        running = {number: self._process(number) for number in range(processes)}
        due = [(self._chance.random(), number) for number in running]
        heapq.heapify(due)
        while due[0][0] < seconds:
            self._now, number = due[0]
            heapq.heapreplace(due, (self._now + next(running[number]), number))
        return self.run

    def _process(self, number: int) -> Steps[None]:
        """There is always another person to find."""
        while True:
            permit = yield from self._decide(lambda state, now: rate_limit.take_permit(state, LIMIT, now), number)
            if isinstance(permit, Denied):
                is_probed = permit.reason is DenialReason.HALF_OPEN
                wait = min(permit.retry_after, HALF_OPEN_SEC) if is_probed else permit.retry_after
                yield max(wait, FIRST_BACKOFF_SEC)
                continue
            wants_captcha = CAPTCHA[0] <= self._now < CAPTCHA[1]
            yield self._chance.uniform(*FIND_SEC)
            if wants_captcha:
                self.run.captchas += 1
                yield from self._decide(lambda state, now: (rate_limit.open_circuit(state, LIMIT, now), None))
            elif permit.probe:
                yield from self._decide(lambda state, now: (rate_limit.close_circuit(state, now), None))

    def _decide(
        self, decide: Callable[[ProviderState, float], tuple[ProviderState, T]], acquires: int | None = None
    ) -> Steps[T]:
        while True:
            yield self._chance.uniform(*CALL_SEC)
            self.run.calls += 1
            before, now = self._state, self._now
            yield self._chance.uniform(*CALL_SEC)
            after, result = decide(before, now)
            if after == before:
                return result
            yield self._chance.uniform(*CALL_SEC)
            self.run.calls += 1
            if self._state == before:
                self._state = after
                if acquires is not None:
                    self.run.permits.append((now, acquires))
                return result


def main() -> None:
    """Simulate and report."""
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    run = Simulation(seed=1).simulate(processes, SECONDS)
    each = [run.permits_of[number] for number in range(processes)]
    print(
        f"{processes} processes, {SECONDS:g} s: {len(run.permits)} permits, never closer than {run.shortest_gap:.3f} s;"
        f" {min(each)} to {max(each)} a process; {run.calls / SECONDS:.0f} calls of the store a second;"
        f" a captcha for 100 s met {run.captchas} finds, and the pace was back {run.recovery:.0f} s after its end"
    )


if __name__ == "__main__":
    main()
