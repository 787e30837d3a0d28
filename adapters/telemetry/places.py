"""An exception as it may be logged: the types of it and of its causes, and where they were raised. Never a text.

Texts of exceptions hold what was being worked on: a URL with a person in it, a key, a body.
"""

import sysconfig
from collections import deque
from itertools import islice
from pathlib import Path
from traceback import walk_tb
from types import CodeType, TracebackType
from typing import TypedDict

from adapters.telemetry import harmless

MAX_PLACES = 20
"""The innermost ones; recursion without end has a thousand."""
MAX_CAUSES = 5

_ROOTS = (*{f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib", "stdlib")},)
_OWN_ROOT = f"{Path(__file__).parents[2]}/"


class Told(TypedDict):
    """One exception: its type, the places outermost first, and those behind it (causes, members of a group)."""

    error: str
    places: list[str]
    behind: list["Told"]


def told(error: BaseException) -> Told:
    """What may be said of an exception."""
    return _told(error, MAX_CAUSES)


def type_name(error: type[BaseException]) -> str:
    """The type's name with its module, as it may be shown."""
    module = "" if error.__module__ == "builtins" else f"{error.__module__}."
    return str(harmless.word(f"{module}{error.__qualname__}") or harmless.OTHER)


def place(filename: str, line: int, function: str) -> str:
    """One place in the code."""
    parts = [harmless.word(part) or harmless.OTHER for part in _short(filename).split("/")]
    return f"{'/'.join(map(str, parts))}:{line} {harmless.word(function) or harmless.OTHER}"


def places(trace: TracebackType | None) -> list[str]:
    """The places of a traceback, outermost first."""
    frames = deque(((frame.f_code, line) for frame, line in walk_tb(trace)), MAX_PLACES)
    return [_place(code, line) for code, line in frames]


def _told(error: BaseException, depth: int) -> Told:
    behind = [_told(cause, depth - 1) for cause in islice(_behind(error), MAX_CAUSES)] if depth else []
    return Told(error=type_name(type(error)), places=places(error.__traceback__), behind=behind)


def _behind(error: BaseException) -> list[BaseException]:
    members = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return members if cause is None else [*members, cause]


def _place(code: CodeType, line: int) -> str:
    return place(code.co_filename, line, code.co_qualname)


def _short(filename: str) -> str:
    """The path without the part that depends on the machine."""
    for root in (*_ROOTS, _OWN_ROOT):
        if filename.startswith(root):
            return filename.removeprefix(root)
    return "/".join(filename.split("/")[-2:])
