"""What stands in a cell, as text: the same for a CSV file and a spreadsheet, however a program has typed it."""

import re
from datetime import date, datetime, time, timedelta

Cell = str | int | float | bool | datetime | date | time | timedelta | None

MAX_CELL = 32_767
"""Characters that a spreadsheet's cell holds."""

# A spreadsheet has no room for most of them: in every kind of file they count as spaces.
_CONTROLS = re.compile(r"[\x00-\x1f]+")


def text_of(cell: object) -> str:
    """One line of text, without spaces around it: a whole number without its decimals, a day in ISO form."""
    match cell:
        case None:
            return ""
        case str():
            return " ".join(_CONTROLS.sub(" ", cell).split())
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime():
            # Spreadsheets keep time as a fraction of a day, which is never quite a second.
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
            return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)
