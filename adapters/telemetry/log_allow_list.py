"""The allow-list of the log: the names of an event's facts that a line may hold, and the form that each must have.

A fact that is not in FORMS, or has another form, is left out. To log a new fact, add its name to FORMS. Of an exception a
line has the types and the places in the code, never a text: that may hold a URL with a person in it, a key, a body.
"""

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from logging import LogRecord
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final

from function.telemetry import ENTRIES, PROVIDERS, STATUSES

Form = Callable[[object], str | float | None]  # returns the value to log; None: it is withheld

OTHER: Final = "other"
WITHHELD: Final = "withheld"
MAX_PLACES = 20  # the innermost ones: unbounded recursion has a thousand
MAX_CAUSES = 5

# The standard library's, the service's, and the installed packages', which may lie within either: the longest is first. No
# other folder of sys.path, for a host appends the one that holds its entry file. sysconfig would take memory.
_PACKAGES = [folder for folder in map(Path, sys.path) if folder.name.endswith("-packages")]
_FOLDERS = {Path(os.__file__).parent, Path(__file__).parents[2], *_PACKAGES}
_ROOTS = tuple(sorted((f"{folder}/" for folder in _FOLDERS), key=len, reverse=True))
_MAX_NUMBER = 1e9  # a larger number could identify a person: a passport's has ten digits, an INN twelve

KNOWN: Final = {str(word): str(word) for word in ("", *ENTRIES, *STATUSES, *PROVIDERS)}
"""The Observer's vocabulary; any other word is logged as OTHER."""

SIGN: Final = "[._:/+=~-]"  # punctuation that an id may contain
_DAY, _MONTH, _YEAR = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
DATE: Final = f"{_DAY}{SIGN}*{_MONTH}{SIGN}*{_YEAR}|{_YEAR}{SIGN}*{_MONTH}{SIGN}*{_DAY}"
_PERSONAL_DIGITS = re.compile(f"[0-9]{{6}}|{DATE}")


def _matching(pattern: str) -> Callable[[object], str | None]:
    """A form: a text that matches, without personal digits."""
    expected = re.compile(pattern)

    @lru_cache(maxsize=256)
    def matches(text: str) -> bool:
        return expected.fullmatch(text) is not None and not _PERSONAL_DIGITS.search(text)

    # A subclass of str may print differently.
    return lambda value: str(value) if isinstance(value, str) and matches(value) else None


code = _matching(r"[a-z][a-z0-9_]{0,39}")  # a code in lower case, as an event's name
_word = _matching(r"[A-Za-z_<][A-Za-z0-9_.<>-]{0,99}")
_host_name = _matching(r"[A-Za-z][A-Za-z0-9.-]{0,99}")


def word(text: str) -> str:
    """A name in code; "other" for another text."""
    return _word(text) or OTHER


def _number(value: object) -> float | None:
    return round(value, 3) if isinstance(value, (int, float)) and abs(value) < _MAX_NUMBER else None


def _host(value: object) -> str | None:
    """A host's name or IP address."""
    with suppress(ValueError):
        return _host_name(value) or (str(ip_address(value)) if isinstance(value, str) else None)
    return None


FORMS: Final[dict[str, Form]] = {
    "host": _host,
    **dict.fromkeys(("count", "seconds"), _number),
    **dict.fromkeys(("provider", "reason", "server", "where"), code),
    **dict.fromkeys(("queue", "variable"), _word),
}


def filter_facts(facts: Mapping[str, object]) -> dict[str, Any]:
    """The known facts in their harmless form, and the count of the others."""
    shown = {name: form for name, fact in facts.items() if name in FORMS and (form := FORMS[name](fact)) is not None}
    withheld = len(facts) - len(shown)
    return {**shown, WITHHELD: withheld} if withheld else shown


def describe_record(record: LogRecord) -> dict[str, Any]:
    """A library's record without its message, which may hold URLs, bodies, passwords."""
    error = record.exc_info[1] if record.exc_info else None
    described = describe(error) if error is not None else {}
    places = described.get("places") or [place(record.pathname, record.lineno, record.funcName or "")]
    return {"logger": word(record.name), **described, "places": places}


def describe(error: BaseException, depth: int = MAX_CAUSES) -> dict[str, Any]:
    """The error's type and places (outermost first), and those of its causes and a group's members."""
    frames = deque(((frame.f_code, line) for frame, line in walk_tb(error.__traceback__)), MAX_PLACES)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    causes = [each for each in (*members, cause) if each is not None][:MAX_CAUSES] if depth else []
    return {
        "error": type_name(type(error)),
        "places": [place(code.co_filename, line, code.co_qualname) for code, line in frames],
        "causes": [describe(each, depth - 1) for each in causes],
    }


def type_name(error: type[BaseException]) -> str:
    """The type's name with its module."""
    return word(error.__qualname__ if error.__module__ == "builtins" else f"{error.__module__}.{error.__qualname__}")


def place(filename: str, line: int, function: str) -> str:
    """A place in the code: the path relative to its root, the line and the function."""
    root = next((root for root in _ROOTS if filename.startswith(root)), "")
    parts = filename.removeprefix(root).split("/")
    return f"{'/'.join(map(word, parts if root else parts[-2:]))}:{line} {word(function)}"
