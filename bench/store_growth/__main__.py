"""Measure and report."""

import argparse
import json
import sys
from dataclasses import asdict

from bench.store_growth import MANY, measured, report


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.store_growth", description=__doc__)
    parser.add_argument("--answers", type=int, default=MANY)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    growth = measured(options.answers)
    sys.stdout.write((json.dumps(asdict(growth)) if options.json else report(growth)) + "\n")


if __name__ == "__main__":
    main()
