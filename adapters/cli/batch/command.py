"""`inn batch`: asks for every row of a table."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.batch import headings
from adapters.cli.batch.asking import Asker, Client
from adapters.cli.batch.interrupts import Interrupts
from adapters.cli.batch.journal import Journal
from adapters.cli.batch.progress import Progress
from adapters.cli.batch.rows import rows_of
from adapters.cli.batch.tables import check_suffix, opened
from adapters.cli.batch.window import Window, Work
from adapters.cli.client import Amqp, AmqpDestination, HttpDestination, Queue, TokenFile, Url, destination
from adapters.cli.errors import DONE, FAILED, INTERRUPTED, WRONG_USE, Failure

ROW_SEC = 2.0
"""For each row of a window, of which the last waits for all others: the tax service answers about one a second."""


def batch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The table: CSV or XLSX.")],
    *,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Where it goes: .csv, .tsv or .xlsx.")],
    url: Url = "",
    amqp: Amqp = "",
    queue: Queue = "",
    token_file: TokenFile = None,
    window: Annotated[int, typer.Option(min=1, max=10_000, help="Rows asked for at the same time.")] = 100,
    patience: Annotated[float, typer.Option(min=1, help="Seconds without any answer after which it gives up.")] = 600,
    reply_timeout: Annotated[
        float | None,
        typer.Option(
            min=1,
            show_default="--patience, or 2 for each row of --window",
            help="Over RabbitMQ: seconds to wait for one reply, after which its row has failed.",
        ),
    ] = None,
) -> int:
    """Ask for every row of a table, and write the table anew with inn, status and details behind each row.

    The first row holds headings, in Russian or English: фамилия, имя, отчество, дата рождения,
    серия, номер (or both in one: паспорт), or the names that the contract has. A CSV file may be
    in UTF-8 or Windows-1251, with any usual separator; dates are dd.mm.yyyy or yyyy-mm-dd.

    Ctrl-C breaks it off; the same command goes on where it stopped. What OUT holds is not asked for
    again, except rows that failed: each run gives them another chance. The exit status is 1 where a
    row has failed.

    Examples:
      inn batch people.csv -o answers.csv
      inn batch people.xlsx -o answers.xlsx --amqp settings --window 500
    """
    from adapters.cli.batch.bar import shown, writing  # rich takes its time, which --help need not wait for

    where = destination(url, amqp, queue, token_file)
    check_suffix(out)
    table = opened(source)
    if out.exists() and out.samefile(source):
        raise Failure("IN and OUT are the same file: choose another -o", WRONG_USE)
    columns = headings.columns_of(table.heading)
    headings.check(columns, table.how)
    table.check()
    progress, journal = Progress(), Journal(source, table, out)
    http = isinstance(where, HttpDestination)
    asker_of = partial(
        Asker,
        # Over RabbitMQ the service has made its retries before it replies.
        retries=http,
        patience=patience,
        reply_sec=None if http else reply_timeout or max(patience, window * ROW_SEC),
        tell=progress.waits,
    )
    try:
        with Interrupts() as interrupts, journal:
            work = Work(rows_of(table), columns, journal.known(), journal, progress)
            try:
                with shown(progress, table.about()):
                    interrupts.run(partial(_run, work, where, window, asker_of))
            finally:
                with writing(out):
                    journal.publish()
    except KeyboardInterrupt:
        raise Failure("broken off before anybody was asked for", INTERRUPTED) from None
    except asyncio.CancelledError:
        raise Failure(f"broken off: {_so_far(progress, journal.place)}", INTERRUPTED) from None
    except OSError as exc:
        raise Failure(f"{exc.filename or out}: {exc.strerror}; the same command goes on once that is mended") from None
    except Failure as failure:
        if progress.rows == 0:
            raise
        raise Failure(f"{failure}; {_so_far(progress, journal.place)}", failure.status) from None
    typer.echo(f"{progress.summary()}\nwritten: {out}")
    return FAILED if progress.failed else DONE


async def _run(
    work: Work, where: HttpDestination | AmqpDestination, window: int, asker_of: Callable[[Client], Asker]
) -> None:
    async with _client(where, window) as client:
        asker = asker_of(client)
        async with asker.patient():
            await Window(work, asker.answer, window).run()


def _client(where: HttpDestination | AmqpDestination, window: int) -> AbstractAsyncContextManager[Client]:
    if isinstance(where, HttpDestination):
        from adapters.cli.batch.posting import BatchClient  # imported only where it is used

        return BatchClient(where, window)
    from adapters.cli.amqp_client import AmqpClient  # imported only where it is used

    return AmqpClient(where)


def _so_far(progress: Progress, place: Path) -> str:
    return f"{progress.rows} rows are in {place}, and the same command goes on from there"
