"""What a measurement gives: series of values, goals that compare them, and contenders measured in turns."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import truediv
from random import Random
from statistics import median

from bench.servers import MeasuredProcess, Servers

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


@dataclass(frozen=True, slots=True)
class Series:
    """One thing measured once a round. `cpu`, `server_cpu`: median microseconds an operation."""

    name: str
    unit: str
    values: Sequence[float]
    cpu: float | None = None
    server_cpu: Mapping[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Of all rounds."""
        return median(self.values)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its bound: at least, or at most. `unit` "": a ratio; `cpu`: the same ratio by processor time."""

    what: str
    value: float
    bound: float
    at_least: bool = True
    unit: str = ""
    cpu: float | None = None
    between: Sequence[float] = ()  # nine of ten such ratios, by the rounds drawn anew: what differs by less is chance

    @property
    def reached(self) -> bool:
        """Whether the figure keeps the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g} {self.unit}".rstrip()


@dataclass(slots=True)
class Subject:
    """All that was measured of one subject. `seconds`: how long that took; `failure`: what broke it, or ""."""

    name: str
    series: list[Series] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0
    failure: str = ""

    def series_of(self, name: str) -> Series:
        """The series of that name."""
        return next(series for series in self.series if series.name == name)

    def compare(
        self, what: str, pair: tuple[str, str], bound: float, *, at_least: bool = True, by_cpu: bool = False
    ) -> None:
        """Add a goal: the first series to the second. `by_cpu`: the same bound by processor time."""
        one, other = map(self.series_of, pair)
        # Of processor time less is more: turned round, both ratios read alike.
        cpu = other.cpu / one.cpu if at_least and one.cpu and other.cpu else None
        ratio, between = one.median / other.median, _between(one, other)
        self.goals.append(Goal(what, ratio, bound, at_least, cpu=cpu, between=between))
        if by_cpu and cpu is not None:
            self.goals.append(Goal(f"{what}, by processor time", cpu, bound))


def _between(*pair: Series) -> Sequence[float]:
    draw = Random(0).choices
    ratios = sorted(truediv(*(median(draw(each.values, k=len(each.values))) for each in pair)) for _ in range(2_000))
    return ratios[100], ratios[-100]


@dataclass(slots=True)
class Contender:
    """One burst of work: `burst` gives operations a second, of `size` operations done by the `processes`.

    `prepare` comes before each and is in no figure.
    """

    processes: list[MeasuredProcess]
    size: int
    burst: Callable[[], float]
    prepare: Callable[[], None] = lambda: None
    rates: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)

    def measure(self, servers: Servers) -> None:
        """Make one burst, and keep its rate and its processor time."""
        self.prepare()
        before = self._cpu(servers)
        self.rates.append(self.burst())
        self.cpu.append({name: (now - before[name]) / self.size * 1e6 for name, now in self._cpu(servers).items()})

    def series(self, name: str, unit: str) -> Series:
        """What was measured."""
        cpu = {who: median(each[who] for each in self.cpu) for who in self.cpu[0]}
        return Series(name, unit, self.rates, cpu.pop(""), cpu)

    def _cpu(self, servers: Servers) -> dict[str, float]:
        return {"": sum(each.cpu() for each in self.processes), **servers.cpu()}


def in_turns(contenders: Mapping[str, Contender], unit: str, servers: Servers) -> list[Series]:
    """A burst of each that does not count, then ROUNDS of turns: what else the machine does hits all of them alike."""
    for contender in contenders.values():
        contender.prepare()
        contender.burst()
    for _ in range(ROUNDS):
        for contender in contenders.values():
            contender.measure(servers)
    return [contender.series(name, unit) for name, contender in contenders.items()]
