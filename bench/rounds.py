"""Contenders that take turns: whatever else the machine does meanwhile hits all of them alike."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.figures import Series
from bench.world import Running, spent

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


@dataclass(slots=True)
class Contender:
    """One burst of work: `burst` gives operations a second, of `size` operations done by the `processes`.

    `prepare` comes before each and is in no figure.
    """

    processes: list[Running]
    size: int
    burst: Callable[[], float]
    prepare: Callable[[], None] = lambda: None
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """One burst, its rate and its processor time noted."""
        self.prepare()
        rate, seconds = spent(self.processes, self.burst)
        self.rates.append(rate)
        self.cpu.append(seconds / self.size * 1e6)


def rounds(contenders: Mapping[str, Contender], unit: str) -> list[Series]:
    """A turn of each that does not count, then ROUNDS of turns."""
    for contender in contenders.values():
        contender.prepare()
        contender.burst()
    for _ in range(ROUNDS):
        for contender in contenders.values():
            contender.turn()
    return [Series(name, unit, each.rates, each.cpu) for name, each in contenders.items()]
