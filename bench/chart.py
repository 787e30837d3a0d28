"""The goals of a run as one picture: how far each ratio is from its bound."""

from collections.abc import Sequence
from html import escape

from bench.figures import Goal, Subject

WIDTH, ROW, TOP, LABEL = 860, 30, 56, 430
BAR = WIDTH - LABEL - 90
FULL = 2.0
"""Times the bound that a whole bar stands for."""
GOOD, POOR, INK, PALE = "#2a7f62", "#c2571a", "#1f2933", "#d5dbe1"


def chart(subjects: Sequence[Subject]) -> str:
    """An SVG. A bar beyond the line has reached its goal."""
    goals = [goal for subject in subjects for goal in subject.goals]
    height = TOP + ROW * len(goals) + 16
    line = LABEL + BAR / FULL
    rows = "\n".join(_row(goal, TOP + ROW * number) for number, goal in enumerate(goals))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">
<title>Measured ratios and their goals</title>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="16" y="24" font-size="16" fill="{INK}">Measured ratios, each bar against its goal (the line)</text>
{rows}
<line x1="{line}" y1="{TOP - 14}" x2="{line}" y2="{height - 12}" stroke="{INK}" stroke-dasharray="4 3"/>
</svg>
"""


def _row(goal: Goal, top: int) -> str:
    # Where less is better the bar is turned round: longer is better in every row.
    times = goal.ratio / goal.bound if goal.at_least else goal.bound / max(goal.ratio, 1e-9)
    width = BAR * min(times, FULL) / FULL
    colour = GOOD if goal.reached else POOR
    middle = top + 14
    return f"""<text x="16" y="{middle}" fill="{INK}">{escape(goal.what)}</text>
<rect x="{LABEL}" y="{top}" width="{BAR}" height="18" fill="{PALE}"/>
<rect x="{LABEL}" y="{top}" width="{width:.1f}" height="18" fill="{colour}"/>
<text x="{LABEL + BAR + 8}" y="{middle}" fill="{INK}">{goal.ratio:.2f} ({escape(goal.asked)})</text>"""
