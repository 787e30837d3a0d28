"""What may be told of a library's log record.

A library's message holds URLs, bodies, addresses with passwords. Of a record remain: the logger, the
place of the call, an exception's type and places; and the message's template where it is a literal
of the calling function, which proves that nothing was written into it.
"""

import inspect
import logging
from types import FrameType
from typing import Any

from adapters.telemetry import harmless, places

_KNOWN = frozenset(
    {
        "Task exception was never retrieved",
        "Future exception was never retrieved",
        "Task was destroyed but it is pending!",
        "Exception in callback",
        "Unclosed connection",
    }
)
"""First lines of messages that asyncio puts together of several."""

_FRAMES = 24
"""How far behind this module the caller stands at most: the pipeline is between them, and standard logging."""


def told(record: logging.LogRecord) -> dict[str, Any]:
    """The record without what was written into it. To be called within the call that made it."""
    error = record.exc_info[1] if record.exc_info else None
    return {
        "logger": harmless.word(record.name) or harmless.OTHER,
        "text": _template(record),
        "place": places.place(record.pathname, record.lineno, record.funcName or ""),
        **(places.told(error) if error is not None else {}),
    }


def _template(record: logging.LogRecord) -> str:
    message = record.msg
    if not isinstance(message, str):
        return harmless.WITHHELD
    first_line = message.partition("\n")[0]
    if first_line in _KNOWN:
        return first_line
    caller = _caller(record)
    return message if caller is not None and message in caller.f_code.co_consts else harmless.WITHHELD


def _caller(record: logging.LogRecord) -> FrameType | None:
    """The frame that logged: handlers run in its call."""
    frame: FrameType | None = inspect.currentframe()
    for _ in range(_FRAMES):
        if frame is None or (frame.f_code.co_filename, frame.f_lineno) == (record.pathname, record.lineno):
            return frame
        frame = frame.f_back
    return None
