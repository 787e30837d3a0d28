"""What may stand in a log line: facts of known names, each in the form that is harmless for it.

Everything else is left out, whatever it is. A form is a function that gives the value back as it
may be shown, or None. Nobody has to remember what is secret; who wants a new fact logged adds its
name here.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

Shown = str | int | float | bool | None
Form = Callable[[object], Shown]

OTHER: Final = "other"
WITHHELD: Final = "withheld"

_MAX_NUMBER = 1e9
"""Numbers from here on could be somebody's: a passport's has ten digits, an INN twelve."""

_SIGN = "[._:/+=~-]"
"""Signs, beside letters and digits, that an id may have."""
_DAY, _MONTH, _YEAR = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_DATE = f"{_DAY}{_SIGN}*{_MONTH}{_SIGN}*{_YEAR}|{_YEAR}{_SIGN}*{_MONTH}{_SIGN}*{_DAY}"

_PERSONAL_DIGITS = re.compile(f"[0-9]{{6}}|{_DATE}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WORD = re.compile(r"[A-Za-z_<][A-Za-z0-9_.<>-]{0,99}")
_HOST = re.compile(r"(?:https?://)?[A-Za-z][A-Za-z0-9.-]{0,99}(?::\d{1,5})?")
_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,2}[a-z0-9]{0,5}")

# A request's id is the client's own: one that could be a document, an INN, a date or a name is not shown.
_ID = re.compile(r"[A-Za-z0-9._:/+=~-]{1,128}")
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# Milliseconds since the epoch, of 2023 to 2033: no document has thirteen digits.
_NOBODYS = re.compile(rf"{_UUID.pattern}|(?<![0-9])1[7-9][0-9]{{11}}(?![0-9])")
_EIGHT_DIGITS = re.compile(f"[0-9](?:{_SIGN}*[0-9]){{7}}")
# Ten digits or more, for a passport may be a part of them. Letters between two digits end a number.
_DOCUMENT = re.compile(f"[0-9](?:{_SIGN}*[0-9]){{9}}|{_DATE}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def _matching(pattern: re.Pattern[str]) -> Form:
    def form(value: object) -> Shown:
        if isinstance(value, str) and pattern.fullmatch(value) and not _PERSONAL_DIGITS.search(value):
            return str(value)
        return None

    return form


code = _matching(_CODE)
word = _matching(_WORD)
version = _matching(_VERSION)
_named_host = _matching(_HOST)


def number(value: object) -> Shown:
    """A quantity, seconds to the millisecond."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        return None
    return round(value, 3)


def host(value: object) -> Shown:
    """Where a server is: a name or an IP address, its scheme and port; no user, path or query."""
    named = _named_host(value)
    if named is not None or not isinstance(value, str):
        return named
    try:
        return str(ip_address(value))
    except ValueError:
        return None


def request_id(value: str) -> str:
    """The client's id of a request, unless it could say who the person is; "" where there was none."""
    if not value or _UUID.fullmatch(value):
        return value
    # Most ids have no eight digits in a row, and the thorough search costs several times as much.
    could_be_personal = _EIGHT_DIGITS.search(value) and _DOCUMENT.search(_NOBODYS.sub("x", value))
    return value if _ID.fullmatch(value) and not could_be_personal else WITHHELD


def trace_id(traceparent: str) -> str:
    """The trace's id, or ""."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match else ""


FORMS: Final[dict[str, Form]] = {
    "active": number,
    "address": host,
    "attempt": number,
    "count": number,
    "error": word,
    "host": host,
    "mode": code,
    "part": code,
    "port": number,
    "protocol": word,
    "provider": code,
    "queue": word,
    "reason": code,
    "seconds": number,
    "signal": word,
    "state": code,
    "step": code,
    "variable": word,
    "version": version,
    "where": code,
    "why": code,
}
