"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """A Clock that tells this machine's time."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)
