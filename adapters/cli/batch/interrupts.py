"""Ctrl-C and SIGTERM: the first one breaks a run off, and no other disturbs what is then brought to its end."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import FrameType, TracebackType
from typing import Self

Work = Callable[[], Coroutine[object, object, None]]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While it is entered, a signal raises KeyboardInterrupt until `run` begins, cancels that, and is nothing afterwards.

    A process that was broken off ends: signals stay without effect then, also on its last line.
    """

    def __init__(self) -> None:
        self._came = False
        self._break_off: Callable[[], object] = _raise
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._came else before)

    def run(self, work: Work) -> None:
        """Run it in a loop of its own. Raises CancelledError where a signal has come."""
        asyncio.run(self._cancelled_by_signals(work))

    async def _cancelled_by_signals(self, work: Work) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.create_task(work())
        self._break_off = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            await task
        finally:
            self._break_off = int

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if not self._came:
            self._came = True
            self._break_off()


def _raise() -> None:
    raise KeyboardInterrupt
