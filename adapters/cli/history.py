"""`inn history`: shows one page of the history of lookups."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import typer

from adapters.cli.parsing import iso_date
from adapters.cli.stdout import printable
from adapters.cli.store import store_from_settings
from adapters.telemetry import allow_list
from function.history import SORT_KEYS, HistoryQuery, HistoryRow
from function.outcomes import Status

MAX_SKIP = 10**9
"""The store counts in 64 bits."""

_STATUSES = (Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS)
_ORDERS = tuple(way + key for key in SORT_KEYS for way in ("", "-"))
_HEADINGS = ("TIME", "STATUS", "PROVIDER", "REQUEST")
_KEY_MISSING = "encrypted under a key that is not among APP_SECRET_KEYS"


def _status(text: str) -> Status:
    if text not in _STATUSES:
        raise typer.BadParameter(f"must be one of {', '.join(_STATUSES)}")
    return Status(text)


def _order(text: str) -> str:
    if text not in _ORDERS:
        raise typer.BadParameter(f"must be one of {', '.join(SORT_KEYS)}, with a - before it for the other way round")
    return text


def _time(text: str) -> datetime:
    for form in (text, iso_date(text)):
        # In another zone a time at the calendar's end may lie beyond it.
        with suppress(ValueError, OverflowError):
            # A time without a zone is local.
            return datetime.fromisoformat(form).astimezone()
    raise typer.BadParameter("must be a day or a time: 2026-05-04, 04.05.2026 or 2026-05-04T10:30")


def history(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows of a page.")] = 20,
    skip: Annotated[int, typer.Option(min=0, max=MAX_SKIP, help="Rows before the page.")] = 0,
    sort: Annotated[str, typer.Option(parser=_order, metavar="KEY", help=f"One of {', '.join(_ORDERS)}.")] = "-time",
    status: Annotated[
        Status | None, typer.Option(parser=_status, metavar="STATUS", help=f"Only {', '.join(_STATUSES)}.")
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
    query = HistoryQuery(limit=limit, skip=skip, sort=sort, status=status, since=since, until=until)
    with store_from_settings() as store:
        rows = store.history(query, reveal=reveal)
    typer.echo(_as_json(rows, reveal=reveal) if as_json else _table(rows, reveal=reveal))


def _as_json(rows: Sequence[HistoryRow], *, reveal: bool) -> str:
    return json.dumps([_fields(row, reveal=reveal) for row in rows], ensure_ascii=False)


def _fields(row: HistoryRow, *, reveal: bool) -> dict[str, Any]:
    bare = {
        "requestId": _request_id(row, reveal=reveal),
        "time": row.time.isoformat(),
        "status": row.status.value,
        "provider": row.provider,
    }
    return {**bare, "person": row.person, "inn": row.inn} if reveal else bare


def _table(rows: Sequence[HistoryRow], *, reveal: bool) -> str:
    if not rows:
        return "no rows"
    table = [
        _HEADINGS,
        *(
            (_local_time(row), row.status.value, row.provider, printable(_request_id(row, reveal=reveal)))
            for row in rows
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in table
    ]
    if reveal:
        lines[1:] = [line for bare, row in zip(lines[1:], rows, strict=True) for line in (bare, f"    {_person(row)}")]
    return "\n".join(lines)


def _request_id(row: HistoryRow, *, reveal: bool) -> str:
    # The client's id may identify the person.
    return row.request_id if reveal else allow_list.request_id(row.request_id)


def _local_time(row: HistoryRow) -> str:
    return row.time.astimezone().isoformat(sep=" ", timespec="seconds")


def _person(row: HistoryRow) -> str:
    if row.person is None:
        return _KEY_MISSING
    return printable(", ".join((*row.person.values(), f"INN {row.inn or 'none'}")))
