"""Runs one call in a thread that can be abandoned."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_daemon_thread(work: Callable[[], T]) -> "Future[T]":
    """Run `work` in a thread that can't be cancelled and does not delay the process's end."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from here on it can't be cancelled

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  # the future passes it on
            future.set_exception(exc)

    threading.Thread(target=run, daemon=True).start()
    return future
