from datetime import timedelta
from typing import Any, cast

import pytest

from tests.adapters.memory_book import MemoryBook
from tests.contracts.book import ProviderBookContract
from tests.contracts.kept import Kept
from tests.core.worlds import NOW, StoppedClock


@pytest.fixture
def kept() -> Kept:
    clock = StoppedClock()

    def later(seconds: float) -> None:
        clock.time += timedelta(seconds=seconds)

    book = MemoryBook(lambda: clock.now().timestamp())
    # A book is all that its contract asks of a store.
    return Kept(cast("Any", book), later, NOW)


class TestMemoryBook(ProviderBookContract): ...
