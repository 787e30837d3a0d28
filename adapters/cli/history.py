"""`inn history`: shows one page of the history of lookups."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from adapters.cli.errors import printable
from adapters.composition.mongodb import open_store
from adapters.config.settings import AppSettings, MongoSettings, load_groups
from adapters.tables.person_values import parse_date
from adapters.telemetry import log_handler
from function.history_and_erasure import HistoryQuery, HistoryRow
from function.outcomes import Status

MAX_SKIP = 10**9  # the store counts in 64 bits

Order = Literal["time", "-time", "status", "-status", "provider", "-provider"]


def _time(text: str) -> datetime:
    for form in (text, str(parse_date(text))):
        # In another zone a time at the calendar's end may lie beyond it.
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(form).astimezone()  # a time without a zone is local
    raise typer.BadParameter("must be a day or a time: 2026-05-04, 04.05.2026 or 2026-05-04T10:30")


def history(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows of a page.")] = 20,
    skip: Annotated[int, typer.Option(min=0, max=MAX_SKIP, help="Rows before the page.")] = 0,
    sort: Annotated[
        Order, typer.Option(metavar="KEY", help="time, status or provider; with a - before it the other way round.")
    ] = "-time",
    status: Annotated[
        Literal["found", "not_found", "ambiguous"] | None,
        typer.Option(metavar="STATUS", help="Only found, not_found or ambiguous."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=_time, metavar="TIME", help="From then on: 2026-05-04 or 2026-05-04T10:30."),
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=_time, metavar="TIME", help="Before then.")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the persons and their INN.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """Show what was looked up at a provider; answers from the cache leave no row.

    Times are in this machine's zone. No personal data are shown without --reveal, nor a request's id that
    could hold some: "withheld" stands in its place.

    Examples:
      inn history --status found --since 2026-05-01
      inn history --limit 50 --skip 50 --sort provider --json
    """
    query = HistoryQuery(limit, skip, sort, Status(status) if status else None, since, until)
    with open_store(*load_groups((AppSettings, MongoSettings))) as store:
        rows = [_fields(row, reveal=reveal) for row in store.history(query, reveal=reveal)]
    typer.echo(json.dumps(rows, ensure_ascii=False, default=datetime.isoformat) if as_json else _table(rows))


def _fields(row: HistoryRow, *, reveal: bool) -> dict[str, Any]:
    """What may be shown of a row, by wire name."""
    # The client's id may identify the person.
    request_id = row.request_id if reveal else log_handler.request_id(row.request_id)
    shown = {"requestId": request_id, "time": row.time, "status": row.status.value, "provider": row.provider}
    return {**shown, "person": row.person, "inn": row.inn} if reveal else shown


def _table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "no rows"
    table = [("TIME", "STATUS", "PROVIDER", "REQUEST")]
    for row in rows:
        time = row["time"].astimezone().isoformat(sep=" ", timespec="seconds")
        table.append((time, row["status"], row["provider"], printable(row["requestId"]) + _person(row)))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)


def _person(row: dict[str, Any]) -> str:
    """The line below a row; "" without `--reveal`."""
    if "person" not in row:
        return ""
    if row["person"] is None:
        return "\n    encrypted under a key that is not among APP_SECRET_KEYS"
    return "\n    " + printable(", ".join((*row["person"].values(), f"INN {row['inn'] or 'none'}")))
