import pytest

from tests.contracts.answers import AnswerStoreContract
from tests.contracts.history import HistoryContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.stores import StoreHarness


class OnALoneMongod:
    @pytest.fixture
    def harness(self, lone_harness: StoreHarness) -> StoreHarness:
        return lone_harness


class TestAnswersOnAReplicaSet(AnswerStoreContract): ...


class TestAnswersOnALoneMongod(OnALoneMongod, AnswerStoreContract): ...


class TestRateLimiterOnAReplicaSet(RateLimiterContract): ...


class TestHistoryOnAReplicaSet(HistoryContract): ...


class TestHistoryOnALoneMongod(OnALoneMongod, HistoryContract): ...
