"""One run at a time writes an output."""

from pathlib import Path

from adapters.cli.errors import WRONG_USE, Failure


def lock(descriptor: int, out: Path) -> None:
    """Lock an open file until it is closed. Raises Failure where another run has."""
    try:
        import fcntl  # not to be had on Windows, where a file in use can't be replaced anyway
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failure(f"another inn batch is writing {out}", WRONG_USE) from None
