"""The report of a run: a table on the terminal, JSON and a chart beside it."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.chart import chart
from bench.figures import Goal, Series, Subject
from bench.rounds import ROUNDS

FOLDER = Path(__file__).parent / "report"


def tell(subjects: Sequence[Subject], console: Console) -> None:
    """Print every subject's figures, and then the goals."""
    for subject in subjects:
        table = Table("", "median", "unit", "spread", "CPU µs each", title=subject.name, title_justify="left")
        for series in subject.series:
            table.add_row(series.name, *_told(series))
        console.print(table)
        for note in subject.notes:
            console.print(f"  {note}")
    console.print(_goals([goal for subject in subjects for goal in subject.goals]))


def write(subjects: Sequence[Subject], load: tuple[float, float], folder: Path = FOLDER) -> Path:
    """Keep the run as `report.json` and `report.svg`; returns the folder. `load`: of the machine, before and after."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"about": _about(load), "subjects": [_facts(subject) for subject in subjects]}
    (folder / "report.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    (folder / "report.svg").write_text(chart(subjects))
    return folder


def _facts(subject: Subject) -> dict[str, Any]:
    facts = asdict(subject)
    for series, told in zip(subject.series, facts["series"], strict=True):
        told["median"] = series.median
    for goal, told in zip(subject.goals, facts["goals"], strict=True):
        told["reached"] = goal.reached
    return facts


def _about(load: tuple[float, float]) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": ROUNDS,
        "load_before": round(load[0], 1),
        "load_after": round(load[1], 1),
    }


def _told(series: Series) -> tuple[str, str, str, str]:
    least, most = min(series.values), max(series.values)
    cpu = series.cpu_median
    return _number(series.median), series.unit, f"{_number(least)} to {_number(most)}", _number(cpu) if cpu else ""


def _goals(goals: Sequence[Goal]) -> Table:
    table = Table("goal", "asked", "measured", "by CPU", "", title="Goals: ratios of medians", title_justify="left")
    for goal in goals:
        cpu = f"{goal.cpu:.2f}" if goal.cpu else ""
        table.add_row(goal.what, goal.asked, f"{goal.ratio:.2f}", cpu, "reached" if goal.reached else "not reached")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
