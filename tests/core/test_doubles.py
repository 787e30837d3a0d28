from datetime import timedelta
from typing import Any, cast

import pytest

from tests.contracts.answers import AnswersContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.stores import StoreHarness
from tests.doubles import NOW, FixedClock, MemoryAnswers, MemoryRateLimiter


class TestMemoryAnswers(AnswersContract):
    @pytest.fixture
    def harness(self) -> StoreHarness:
        return StoreHarness(cast("Any", MemoryAnswers()), lambda _: None, NOW)


class TestMemoryRateLimiter(RateLimiterContract):
    @pytest.fixture
    def harness(self) -> StoreHarness:
        clock = FixedClock()

        def later(seconds: float) -> None:
            clock.time += timedelta(seconds=seconds)

        limiter = MemoryRateLimiter(lambda: clock.now().timestamp())
        return StoreHarness(cast("Any", limiter), later, NOW)
