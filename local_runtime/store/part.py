"""What the three faces of the embedded store have in common: the file and the clock."""

from pathlib import Path

from adapters.runtime.clock import SystemClock
from function.ports import Clock
from local_runtime.store.database import Database


class Part:
    """One face of the store in the file at `path`, which is made where it is missing, its folder too.

    `lease`: seconds that a claim lasts; `clock`: the store's own, this machine's unless a test brings another.
    """

    def __init__(self, path: Path | str, *, lease: float = 120, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lease = lease
        self._database = Database(Path(path), self._now())

    def ping(self) -> None:
        """Return if the store can be read now. Raises `Unavailable`."""
        with self._database.reading() as connection:
            connection.execute("SELECT 1 FROM answers LIMIT 1")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()
