"""What must hold at the end of a soak: nothing lost, nothing wrong, memory flat."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.people import request
from bench.soak.clients import Ledger
from local_runtime.emulator.register import entry_for

FLAT = 1.25  # memory at the end to that of the beginning, at most
MARGIN_MIB = 10  # growth of small processes that counts for nothing


@dataclass(slots=True)
class Verdict:
    """The figures of a run, and a line for everything that must not be."""

    requests: int
    answers: int
    calls: int
    persons: int
    memory: tuple[float, float]
    faults: list[str] = field(default_factory=list)


def judge(ledger: Ledger, calls: int, parked: dict[str, int], memory: Sequence[float]) -> Verdict:
    """Judge a run. `calls`: to the tax service; `parked`: messages by queue; `memory`: MiB of all, as time went by."""
    third = max(len(memory) // 3, 1)
    first, last = median(memory[:third] or [0]), median(memory[-third:] or [0])
    answers = sum(map(len, ledger.answers.values()))
    verdict = Verdict(len(ledger.persons), answers, calls, len(set(ledger.persons.values())), (first, last))
    faults = verdict.faults
    if missing := ledger.missing():
        faults.append(f"{len(missing)} requests were lost: {sorted(missing)[:3]}")
    if strange := ledger.answers.keys() - ledger.persons.keys():
        faults.append(f"{len(strange)} answers to nobody's request")
    wrong = Counter(_wrong(ledger, request_id) for request_id in ledger.answers.keys() & ledger.persons.keys())
    faults += [f"{count} answers are wrong: {what}" for what, count in wrong.items() if what]
    faults += [f"{count} messages are parked in {queue}" for queue, count in parked.items() if count]
    if last > first * FLAT + MARGIN_MIB:
        faults.append(f"memory grew from {first:.0f} to {last:.0f} MiB")
    return verdict


def _wrong(ledger: Ledger, request_id: str) -> str:
    """What is wrong with the answers to a request; "" for nothing."""
    entry = entry_for(request(ledger.persons[request_id]))
    for answer in ledger.answers[request_id]:
        if answer["status"] != entry.ending.value:
            return f"{answer['status']} {answer['details']} instead of {entry.ending.value}".replace("  ", " ")
        if answer["inn"] != (entry.inn or ""):
            return "another INN than the register's"
    return ""
