"""A bar on the terminal: rows done, rate, time left, and how many of each status."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from adapters.cli.batch.progress import Progress


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f}/s")


@contextmanager
def shown(progress: Progress, total: int) -> Iterator[None]:
    """Show it while it goes on, where standard error is a terminal. `total`: rows, more or less."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=console) as bar:
        # A workbook need not say how many rows it has.
        task = bar.add_task("", total=total or None)

        def tick() -> None:
            bar.update(task, completed=progress.rows, description=progress.by_status())

        progress.tick = tick
        yield
        # What is shown in the end is counted, and not what the file seemed to hold.
        bar.update(task, total=progress.rows)


def writing(out: Path) -> AbstractContextManager[object]:
    """Say that OUT is being written, which takes its time for a large workbook."""
    console = Console(stderr=True)
    return console.status(f"writing {escape(str(out))}") if console.is_terminal else nullcontext()
