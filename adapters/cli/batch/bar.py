"""How far a run is, while it goes on: a bar on a terminal, else a line now and then."""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from adapters.cli.batch.progress import Progress

EVERY_SEC = 60.0
"""Between two lines where there is no terminal."""


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f}/s")


class _Bar(Bar):
    """A bar, and below it why it stands: beside it a long reason would leave no room for the rest."""

    trouble = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.trouble:
            yield Text(self.trouble, no_wrap=True, overflow="ellipsis")


@contextmanager
def shown(progress: Progress, total: int) -> Iterator[None]:
    """Show it on standard error while it goes on. `total`: rows, more or less."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _told(progress):
            yield
        return
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with _Bar(*columns, console=console) as bar:
        # A workbook need not say how many rows it has.
        task = bar.add_task("", total=total or None)

        def tick() -> None:
            bar.trouble = progress.trouble
            bar.update(task, completed=progress.rows, description=progress.by_status())

        progress.tick = tick
        yield
        # What is shown in the end is counted, and not what the file seemed to hold.
        bar.update(task, total=progress.rows)


@contextmanager
def _told(progress: Progress) -> Iterator[None]:
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY_SEC):
            sys.stderr.write(f"inn: {progress.rows} rows so far{progress.now() and ': '}{progress.now()}\n")
            sys.stderr.flush()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def writing(out: Path) -> AbstractContextManager[object]:
    """Say that OUT is being written, which takes its time for a large workbook."""
    console = Console(stderr=True)
    return console.status(f"writing {escape(str(out))}") if console.is_terminal else nullcontext()
