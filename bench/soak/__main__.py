"""`python -m bench.soak`: SOAK_MINUTES (10) of load and faults from SOAK_SEED (the time, unless given)."""

import os
import sys
import time

from bench.soak import soak
from bench.soak.faults import Step


def main() -> int:
    """Run and report. Returns the exit status: 1 where something was lost or wrong, or memory grew."""
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    seed = int(os.environ.get("SOAK_SEED", str(int(time.time()))))
    print(f"{minutes:g} minutes from seed {seed} (SOAK_SEED={seed} repeats it)", flush=True)

    def announce(step: Step) -> None:
        now = time.strftime("%H:%M:%S")
        print(f"{now} in {step.after:.1f} s, for {step.lasts:.1f} s: {step.fault}", flush=True)

    verdict = soak(minutes * 60, seed, announce)
    print(
        f"{verdict.requests} requests, {verdict.answers} answers; {verdict.persons} persons,"
        f" {verdict.calls} searches at the tax service; memory {verdict.memory[0]:.0f} MiB at first,"
        f" {verdict.memory[1]:.0f} MiB at the end"
    )
    for fault in verdict.faults:
        print(f"WRONG: {fault}")
    print("nothing lost, nothing wrong, memory flat" if not verdict.faults else "failed")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
