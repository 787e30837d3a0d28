"""What a measurement gives: series of values, one a round, and the goals that compare two of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Series:
    """One thing measured once a round. `cpu`: microseconds of processor time an operation, where that was seen."""

    name: str
    unit: str
    values: Sequence[float]
    cpu: Sequence[float] = ()

    @property
    def median(self) -> float:
        """Of all rounds."""
        return median(self.values)

    @property
    def cpu_median(self) -> float | None:
        """Of all rounds, or None."""
        return median(self.cpu) if self.cpu else None


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio of medians and its bound: at least, or at most. `cpu`: the same ratio in processor time an operation."""

    what: str
    ratio: float
    bound: float
    at_least: bool = True
    cpu: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the bound is kept."""
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    @property
    def asked(self) -> str:
        """The bound in words."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(slots=True)
class Subject:
    """All that was measured of one subject."""

    name: str
    series: list[Series] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def named(self, name: str) -> Series:
        """The series of that name."""
        return next(series for series in self.series if series.name == name)

    def compare(self, what: str, pair: tuple[str, str], bound: float, *, at_least: bool = True) -> None:
        """Note a goal: the first series of the pair to the second."""
        one, other = map(self.named, pair)
        # Of processor time less is more: turned round, both ratios read alike.
        cpu = other.cpu_median / one.cpu_median if one.cpu_median and other.cpu_median else None
        self.goals.append(Goal(what, one.median / other.median, bound, at_least, cpu if at_least else None))
