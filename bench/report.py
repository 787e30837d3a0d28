"""The report of a run: tables in Markdown on the terminal, and JSON and a chart in a folder."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from bench.figures import ROUNDS, Goal, Subject

FOLDER = Path(__file__).parent / "report"
EARLIER = ("report-1.json", "report-2.json")  # the runs before, latest first: figures of one run alone mislead

WIDTH, ROW, TOP, LABEL = 900, 28, 56, 470
BAR = WIDTH - LABEL - 140
FULL = 2.0  # times the bound that a full bar stands for
GOOD, POOR, INK, PALE = "#2a7f62", "#c2571a", "#1f2933", "#d5dbe1"


def show(subjects: Sequence[Subject], folder: Path = FOLDER) -> None:
    """Print the figures of every subject, and then all goals, beside what earlier runs gave."""
    for subject in subjects:
        print(f"\n## {subject.name} ({subject.seconds:.0f} s)\n")
        rows = []
        for series in subject.series:
            spread = f"{_number(min(series.values))} to {_number(max(series.values))}"
            cpu = [_number(series.cpu)] if series.cpu else []
            cpu += [f"{name} {_number(value)}" for name, value in series.server_cpu.items()]
            rows.append((series.name, _number(series.median), series.unit, spread, ", ".join(cpu)))
        if rows:
            print(_table(("", "median", "unit", "spread", "CPU µs each"), rows))
        print(*subject.notes, sep="\n")
        if subject.failure:
            print(f"{subject.name} failed: {subject.failure}")
    print(f"\n## Goals, in bold where they are not reached\n\n{_goals(subjects, folder)}")


def write(subjects: Sequence[Subject], load: tuple[float, float], folder: Path = FOLDER) -> Path:
    """Write `report.json`, `.svg` and `.md` (the goals); returns the folder. `load`: of the machine, before and after."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"about": _about(load), "subjects": [_facts(subject) for subject in subjects]}
    (folder / "report.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    (folder / "report.md").write_text(_goals(subjects, folder))
    (folder / "report.svg").write_text(chart([goal for subject in subjects for goal in subject.goals]))
    return folder


def keep_earlier(folder: Path = FOLDER) -> None:
    """Move the report of the last run out of the way of the next one."""
    for newer, older in ((EARLIER[0], EARLIER[1]), ("report.json", EARLIER[0])):
        if (folder / newer).exists():
            (folder / newer).replace(folder / older)


def chart(goals: Sequence[Goal]) -> str:
    """The goals as an SVG. A bar beyond the line has reached its goal."""
    height = TOP + ROW * len(goals) + 16
    line = LABEL + BAR / FULL
    rows = "\n".join(_bar(goal, TOP + ROW * number) for number, goal in enumerate(goals))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">
<title>Measured figures and their goals</title>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="16" y="24" font-size="16" fill="{INK}">Measured figures, each bar against its goal (the line)</text>
{rows}
<line x1="{line}" y1="{TOP - 14}" x2="{line}" y2="{height - 12}" stroke="{INK}" stroke-dasharray="4 3"/>
</svg>
"""


def _bar(goal: Goal, top: int) -> str:
    # Where less is better the bar is turned round: longer is better in every row.
    times = goal.value / goal.bound if goal.at_least else goal.bound / max(goal.value, 1e-9)
    width = BAR * min(times, FULL) / FULL
    colour = GOOD if goal.reached else POOR
    middle = top + 14
    return f"""<text x="16" y="{middle}" fill="{INK}">{escape(goal.what)}</text>
<rect x="{LABEL}" y="{top}" width="{BAR}" height="18" fill="{PALE}"/>
<rect x="{LABEL}" y="{top}" width="{width:.1f}" height="18" fill="{colour}"/>
<text x="{LABEL + BAR + 8}" y="{middle}" fill="{INK}">{_number(goal.value)} ({escape(goal.wanted)})</text>"""


def _facts(subject: Subject) -> dict[str, Any]:
    facts = asdict(subject)
    for series, shown in zip(subject.series, facts["series"], strict=True):
        shown["median"] = series.median
    for goal, shown in zip(subject.goals, facts["goals"], strict=True):
        shown["reached"] = goal.reached
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


def _goals(subjects: Sequence[Subject], folder: Path) -> str:
    """The goals: ratios of medians, unless there is a unit."""
    before = [_values(folder / name) for name in EARLIER]
    rows = []
    for goal in (goal for subject in subjects for goal in subject.goals):
        cpu = f"{goal.cpu:.2f}" if goal.cpu else ""
        earlier = ", ".join(_number(values[goal.what]) for values in before if goal.what in values)
        measured = _number(goal.value) if goal.reached else f"**{_number(goal.value)}**"
        rows.append((goal.what, goal.wanted, measured, " to ".join(map(_number, goal.between)), earlier, cpu))
    return _table(("what", "goal", "measured", "9 of 10 between", "earlier runs", "by CPU"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown that can be read as it is."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "".join(f"| {' | '.join(map(str.ljust, line, widths))} |\n" for line in lines)


def _values(report: Path) -> Mapping[str, float]:
    """The figures of an earlier run, by goal; none where it was not written, or by another version."""
    with suppress(OSError, ValueError, KeyError):
        facts = json.loads(report.read_text())
        return {goal["what"]: goal["value"] for subject in facts["subjects"] for goal in subject["goals"]}
    return {}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.3g}"
