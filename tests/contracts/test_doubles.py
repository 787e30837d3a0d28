from datetime import timedelta
from typing import Any, cast

import pytest

from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.stores import Kept
from tests.doubles import NOW, FixedClock, MemoryRateLimiter


@pytest.fixture
def kept() -> Kept:
    clock = FixedClock()

    def later(seconds: float) -> None:
        clock.time += timedelta(seconds=seconds)

    book = MemoryRateLimiter(lambda: clock.now().timestamp())
    # A book is all that its contract asks of a store.
    return Kept(cast("Any", book), later, NOW)


class TestMemoryRateLimiter(RateLimiterContract): ...
