"""The allow-list of the log: the names of the facts that a line may hold, and the form that each must have.

Whatever is not in FORMS, or has another form, is left out of every line. To log a new fact, add its name here.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from function.telemetry import ENTRIES, PROVIDERS, STATUSES

Form = Callable[[object], str | float | None]
"""Gives the value as it may be shown, or None."""

OTHER: Final = "other"
WITHHELD: Final = "withheld"
_MAX_NUMBER = 1e9
"""A larger number could identify a person: a passport's has ten digits, an INN twelve."""

_VOCABULARY = frozenset({"", *ENTRIES, *STATUSES, *PROVIDERS})

_SIGN = "[._:/+=~-]"
"""Signs, beside letters and digits, that an id may have."""
_DAY, _MONTH, _YEAR = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_DATE = f"{_DAY}{_SIGN}*{_MONTH}{_SIGN}*{_YEAR}|{_YEAR}{_SIGN}*{_MONTH}{_SIGN}*{_DAY}"
_PERSONAL_DIGITS = re.compile(f"[0-9]{{6}}|{_DATE}")

# A request's id is the client's own: one that could be a document, an INN, a date or a name is not shown.
_ID = re.compile(r"[A-Za-z0-9._:/+=~-]{1,128}")
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# Milliseconds since the epoch, of 2023 to 2033: no document has thirteen digits.
_IMPERSONAL = re.compile(rf"{_UUID.pattern}|(?<![0-9])1[7-9][0-9]{{11}}(?![0-9])")
_EIGHT_DIGITS = re.compile(f"[0-9](?:{_SIGN}*[0-9]){{7}}")
# Ten digits or more, for a passport may be a part of them. Letters between two digits end a number.
_DOCUMENT = re.compile(f"[0-9](?:{_SIGN}*[0-9]){{9}}|{_DATE}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def _matching(pattern: str) -> Callable[[object], str | None]:
    expected = re.compile(pattern)

    @lru_cache(maxsize=256)
    def matches(text: str) -> bool:
        return expected.fullmatch(text) is not None and not _PERSONAL_DIGITS.search(text)

    # A subclass of str may print as anything.
    return lambda value: str(value) if isinstance(value, str) and matches(value) else None


_code = _matching(r"[a-z][a-z0-9_]{0,39}")
_word = _matching(r"[A-Za-z_<][A-Za-z0-9_.<>-]{0,99}")
_version = _matching(r"\d{1,3}(?:\.\d{1,3}){1,2}[a-z0-9]{0,5}")
_host_name = _matching(r"(?:https?://)?[A-Za-z][A-Za-z0-9.-]{0,99}(?::\d{1,5})?")


def code(text: object) -> str:
    """A code in small letters, as an event's name; "other" where it is none."""
    return _code(text) or OTHER


def known(text: str) -> str:
    """A word of the Observer's vocabulary, or ""; "other" where it is none."""
    return str(text) if text in _VOCABULARY else OTHER


def word(text: str) -> str:
    """A name in code; "other" where the text does not look like one."""
    return _word(text) or OTHER


def request_id(value: str) -> str:
    """The client's id of a request, or "withheld" where it could identify the person."""
    if not value or _UUID.fullmatch(value):
        return value
    # Most ids have no eight digits in a row, and the thorough search costs several times as much.
    could_be_personal = _EIGHT_DIGITS.search(value) and _DOCUMENT.search(_IMPERSONAL.sub("x", value))
    return value if _ID.fullmatch(value) and not could_be_personal else WITHHELD


def trace_id(traceparent: str) -> str:
    """The trace's id, or ""."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return value
    return round(value, 3) if isinstance(value, (int, float)) and abs(value) < _MAX_NUMBER else None


def _host(value: object) -> str | None:
    """A server's name or IP address with its scheme and port; no user, path or query."""
    name = _host_name(value)
    if name is not None or not isinstance(value, str):
        return name
    try:
        return str(ip_address(value))
    except ValueError:
        return None


FORMS: Final[dict[str, Form]] = {
    "version": _version,
    **dict.fromkeys(("address", "host"), _host),
    **dict.fromkeys(("attempt", "count", "port", "seconds"), _number),
    **dict.fromkeys(("provider", "reason", "server", "where"), _code),
    **dict.fromkeys(("error", "logger", "queue", "variable"), _word),
}
