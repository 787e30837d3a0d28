"""`Retry-After`, in seconds or as an HTTP date, as a sensible number of seconds."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from function.rate_limit import MAX_COOLDOWN_SEC

_SECONDS = re.compile(r"[0-9]{1,9}")


def seconds_of(headers: Mapping[str, str]) -> float:
    """How long the site wants to be left alone: 0 where it did not say or said nonsense, an hour at most.

    After an hour one probe will tell whether it meant more.
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), MAX_COOLDOWN_SEC)
    until = _moment(value)
    if until is None:
        return 0
    # By the site's own clock, where it tells the time: ours may differ.
    now = _moment(headers.get("Date", "")) or time.time()
    return min(max(until - now, 0), MAX_COOLDOWN_SEC)


def _moment(http_date: str) -> float | None:
    """Seconds since the epoch."""
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
