"""What goes wrong and when: a plan that its seed alone decides, so that a run can be had again."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

FAULTS = (
    "kill a consumer",
    "pause a consumer",
    "end a consumer",
    "kill the function",
    "kill MongoDB",
    "pause MongoDB",
    "kill RabbitMQ",
    "pause RabbitMQ",
    "tax service slow",
    "tax service captcha",
    "tax service throttled",
    "tax service down",
)
QUIET_SEC = (0.5, 3.0)
"""Between two faults."""
FAULT_SEC = (0.5, 4.0)
"""How long one lasts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fault: what, so many seconds after the one before it, and for how long."""

    after: float
    fault: str
    lasts: float


def plan(seed: int, seconds: float) -> Iterator[Step]:
    """Faults to fill so many seconds. Every kind comes once before any comes twice."""
    dice = random.Random(seed)
    spent = 0.0
    kinds: list[str] = []
    while True:
        kinds = kinds or dice.sample(FAULTS, len(FAULTS))
        step = Step(dice.uniform(*QUIET_SEC), kinds.pop(), dice.uniform(*FAULT_SEC))
        spent += step.after + step.lasts
        if spent > seconds:
            return
        yield step
