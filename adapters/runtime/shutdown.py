"""How a process ends while it still fetches: it waits, within bounds."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Thread


def end(pool: ThreadPoolExecutor, within: float) -> None:
    """Let nothing more begin in the pool, and wait so many seconds for what is under way: it can't be stopped."""
    pool.shutdown(wait=False, cancel_futures=True)
    # The pool's own waiting has no bounds.
    waiting = Thread(target=pool.shutdown, daemon=True)
    waiting.start()
    # Whoever interrupts once more does not want to wait.
    with suppress(KeyboardInterrupt):
        waiting.join(within)
