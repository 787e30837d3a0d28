"""What people and spreadsheets write, in the contract's forms.

Nothing is refused here: what has no form that is known goes on as it is, and the service says what
it expected.
"""

import re
from datetime import date

from function.documents import PASSPORT, needs_serial

_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_ISO_WITH_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ][0-9:.]+Z?")
_NOT_DIGITS = re.compile(r"[\s\-\u2010-\u2015\u2212№]+|серия|номер", re.IGNORECASE)
_PASSPORT = re.compile(r"\d{9,10}")
_LAST_DIGITS = re.compile(r"(.*[^\s№])[\s№]+(\d+)")


def iso_date(text: str) -> str:
    """A date as dd.mm.yyyy, or as a spreadsheet's date with a time of day, in ISO form."""
    text = text.strip()
    if with_time := _ISO_WITH_TIME.fullmatch(text):
        return with_time[1]
    # A year may be marked as such: 15.07.1990 г.
    if day_first := _DAY_FIRST.fullmatch(text.removesuffix("г.").rstrip()):
        day, month, year = map(int, day_first.groups())
        try:
            return date(year, month, day).isoformat()
        except ValueError:
            return text
    return text


def two_digits(text: str) -> str:
    """A document's type, whose leading zero a spreadsheet has lost."""
    return text.strip().zfill(2) if text.strip().isdecimal() else text.strip()


def series_and_number(kind: str, text: str) -> tuple[str, str]:
    """The two parts of what was written in one: `45 11 123456`, `4511123456`, `IV-МЮ 123456`."""
    if (kind or PASSPORT) == PASSPORT:
        digits = _NOT_DIGITS.sub("", text)
        if _PASSPORT.fullmatch(digits):
            digits = digits.zfill(10)
            return digits[:4], digits[4:]
        return "", text
    if needs_serial(kind) and (parts := _LAST_DIGITS.fullmatch(text.strip())):
        return parts[1], parts[2]
    return "", text
