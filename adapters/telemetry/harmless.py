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

_PERSONAL_DIGITS = re.compile(r"\d{6}|\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WORD = re.compile(r"[A-Za-z_<][A-Za-z0-9_.<>-]{0,99}")
_HOST = re.compile(r"(?:https?://)?[A-Za-z][A-Za-z0-9.-]{0,99}(?::\d{1,5})?")
_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,2}[a-z0-9]{0,5}")

# A request's id is the client's own: one that could be a document, an INN, a date or a name is not shown.
_ID = re.compile(r"[A-Za-z0-9._:/+=~-]{1,128}")
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])")
_EIGHT_DIGITS = re.compile(r"\d(?:[-.]?\d){7}")
_DOCUMENT = re.compile(r"(?<!\d)\d(?:[-.]?\d){9,11}(?!\d)|\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}")
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
    # Most ids have no eight digits in a row, and the thorough search costs ten times as much.
    could_be_personal = _EIGHT_DIGITS.search(value) and _DOCUMENT.search(_UUID.sub("_", value))
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
