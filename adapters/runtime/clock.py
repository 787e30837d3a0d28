"""The machine's clock."""

from datetime import UTC, datetime
from functools import partial


class SystemClock:
    """A Clock that tells this machine's time."""

    now = staticmethod(partial(datetime.now, UTC))
