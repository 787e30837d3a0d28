"""`inn batch`: looks up every row of a table."""

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.batch.journal import MOVE_AWAY, Journal
from adapters.cli.client import Amqp, Queue, TokenFile, Url, client_of
from adapters.cli.errors import DONE, FAILED, INTERRUPTED, Failure, WrongUse, failure_of
from adapters.tables.header import read_maps
from adapters.tables.table_file import SUFFIXES, open_table
from function.outcomes import Status

ROW_SEC = 2.0  # default reply timeout per concurrent row: the tax service answers about one a second, in order
SILENCE_SEC = 300.0  # time limit of one request over HTTP: longer than any service's time limit of one lookup
GOES_ON = "the same command goes on once that is mended"


def batch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The table: CSV or XLSX.")],
    *,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Where it goes: .csv, .tsv or .xlsx.")],
    sheet: Annotated[str, typer.Option(help="The sheet of a workbook. [default: the visible one with headings]")] = "",
    header_row: Annotated[
        int, typer.Option(min=0, show_default="it is searched for", help="The row of the headings, from 1.")
    ] = 0,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Фамилия=B: which column holds a field. May be repeated."),
    ] = None,
    url: Url = "",
    amqp: Amqp = "",
    queue: Queue = "",
    token_file: TokenFile = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "--window", min=1, max=10_000, help="Rows asked for at the same time.")
    ] = 100,
    stall_timeout: Annotated[
        float,
        typer.Option(
            "--stall-timeout", "--patience", min=1, help="Seconds without any answer after which it gives up."
        ),
    ] = 600,
    reply_timeout: Annotated[
        float | None,
        typer.Option(
            min=1,
            show_default="--stall-timeout, or 2 for each row of --concurrency",
            help="Over RabbitMQ: seconds to wait for one reply, after which its row has failed.",
        ),
    ] = None,
) -> int:
    """Ask for every row of a table, and write the table anew with inn, status and details behind each row.

    The headings are searched for, in Russian or English: ФИО, or фамилия, имя, отчество; дата рождения;
    паспорт, or серия and номер. What was taken for them is printed first. Where they are others,
    --map and --header-row say which. A CSV file may be in UTF-8 or Windows-1251, with any usual separator.

    Ctrl-C interrupts it; the same command goes on where it stopped. What OUT holds is not asked for
    again, except rows that failed: each run gives them another chance. The exit status is 1 where a
    row has failed.

    Examples:
      inn batch people.csv -o answers.csv
      inn batch people.xlsx -o answers.xlsx --amqp settings --concurrency 500
    """
    from adapters.cli.batch.runner import Progress, Runner  # rich is slow to import: not for --help

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    client = client_of(url, amqp, queue, token_file, SILENCE_SEC)
    if out.suffix.lower() not in SUFFIXES:
        raise WrongUse(f"{out}: the output's name must end in .csv, .tsv or .xlsx")
    table, headings = open_table(source, sheet, header_row, read_maps(maps or []))
    if out.exists() and out.samefile(source):
        raise WrongUse("IN and OUT are the same file: choose another -o")
    reply_sec = None if client.over_http else reply_timeout or max(stall_timeout, concurrency * ROW_SEC)
    progress, journal = Progress(), Journal(table, out)

    async def run() -> None:
        with _cancelled_by_signal():
            try:
                async with client:
                    progress.add_task("", total=journal.total)
                    with progress:
                        await Runner(journal, progress, concurrency, stall_timeout, reply_sec).run(client)
            finally:
                journal.write_output()

    try:
        with journal.opened():
            typer.echo(headings)
            asyncio.run(run())
    except asyncio.CancelledError:
        raise Failure(f"interrupted: {_so_far(journal)}", INTERRUPTED) from None
    except OSError as exc:
        raise Failure(f"{exc.filename or out}: {exc.strerror}; {GOES_ON}") from None
    except sqlite3.DatabaseError as exc:
        remedy = GOES_ON if isinstance(exc, sqlite3.OperationalError) else MOVE_AWAY
        raise Failure(f"{journal.place}: {exc}; {remedy}") from None
    except Exception as error:
        if journal.answered == 0 or (failure := failure_of(error)) is None:
            raise
        raise Failure(f"{failure}; {_so_far(journal)}", failure.status) from None
    typer.echo(f"{progress.summary()}\nwritten: {out}")
    return FAILED if progress.counts[Status.FAILED] else DONE


@contextmanager
def _cancelled_by_signal() -> Iterator[None]:
    """Let the first SIGINT or SIGTERM cancel the running task. Further ones are ignored, until the process ends."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    cancelled = False

    def cancel(*_: object) -> None:
        # Not SIG_IGN yet: Python prints a traceback for a signal that came before its handler was taken away.
        nonlocal cancelled
        if task and not cancelled:
            cancelled = True
            loop.call_soon_threadsafe(task.cancel)  # after OUT, where that is being written

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if cancelled else handler)


def _so_far(journal: Journal) -> str:
    return f"{journal.answered} rows are in {journal.place}, and the same command goes on from there"
