"""Time that passes only where somebody sleeps."""

from dataclasses import dataclass, field

from adapters.providers.nalog.conversation import Timing


@dataclass
class Clock:
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        # A chance of a half makes every jittered wait what was configured.
        return Timing(self.sleep, lambda: self.now, lambda: 0.5)
