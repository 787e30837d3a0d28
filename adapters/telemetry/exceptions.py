"""An exception as it may be logged: its type and its causes', and the places in the code. Never a text.

The text of an exception may hold what was being worked on: a URL with a person in it, a key, a body.
"""

import sysconfig
from collections import deque
from itertools import islice
from pathlib import Path
from traceback import walk_tb
from typing import Any

from adapters.telemetry.allow_list import word

MAX_PLACES = 20
"""The innermost ones: unbounded recursion has a thousand."""
MAX_CAUSES = 5

_ROOTS = (
    *(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib", "stdlib")),
    f"{Path(__file__).parents[2]}/",
)


def describe(error: BaseException, depth: int = MAX_CAUSES) -> dict[str, Any]:
    """Its type, its places (outermost first), and the same of its causes and of a group's members."""
    frames = deque(((frame.f_code, line) for frame, line in walk_tb(error.__traceback__)), MAX_PLACES)
    causes = islice(_causes(error), MAX_CAUSES) if depth else ()
    return {
        "error": type_name(type(error)),
        "places": [place(code.co_filename, line, code.co_qualname) for code, line in frames],
        "causes": [describe(cause, depth - 1) for cause in causes],
    }


def type_name(error: type[BaseException]) -> str:
    """The type's name with its module."""
    return word(error.__qualname__ if error.__module__ == "builtins" else f"{error.__module__}.{error.__qualname__}")


def place(filename: str, line: int, function: str) -> str:
    """A place in the code: the path without what depends on the machine, the line and the function."""
    root = next((root for root in _ROOTS if filename.startswith(root)), "")
    parts = filename.removeprefix(root).split("/")
    return f"{'/'.join(map(word, parts if root else parts[-2:]))}:{line} {word(function)}"


def _causes(error: BaseException) -> list[BaseException]:
    members = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return members if cause is None else [*members, cause]
