"""An AnswerStore over another one, in the hands of the contract's tests."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from function.ports import AnswerStore, Clock
from local_runtime.store import EmbeddedStore
from tests.contracts.stores import LEASE, Kept, Store
from tests.doubles import NOW, FixedClock


@dataclass
class _Both:
    """What is no answer is asked of the store itself."""

    over: AnswerStore
    store: EmbeddedStore

    def __getattr__(self, name: str) -> Any:
        return getattr(self.over if hasattr(self.over, name) else self.store, name)


@contextmanager
def kept_over(wrapped: Callable[[EmbeddedStore, Clock], AnswerStore], folder: Path) -> Iterator[Kept]:
    """The embedded store under the one that is to be tested, and time that passes for both."""
    clock = FixedClock(NOW)

    def later(seconds: float) -> None:
        clock.time += timedelta(seconds=seconds)

    with closing(EmbeddedStore(folder / "inn.sqlite", lease=LEASE, clock=clock)) as store:
        yield Kept(cast("Store", _Both(wrapped(store, clock), store)), later, NOW)
