import pytest

from adapters.mongodb import MongoStore
from tests.adapters.mongodb.conftest import Place
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.history import HistoryContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.stores import StoreHarness


class OnAReplicaSet:
    @pytest.fixture
    def harness(self, prepared: tuple[Place, MongoStore]) -> StoreHarness:
        return prepared[0].harness(prepared[1])


class OnALoneMongod:
    @pytest.fixture
    def harness(self, prepared_alone: tuple[Place, MongoStore]) -> StoreHarness:
        return prepared_alone[0].harness(prepared_alone[1])


class TestAnswersOnAReplicaSet(OnAReplicaSet, AnswerStoreContract): ...


class TestAnswersOnALoneMongod(OnALoneMongod, AnswerStoreContract): ...


class TestRateLimiterOnAReplicaSet(OnAReplicaSet, RateLimiterContract): ...


class TestHistoryOnAReplicaSet(OnAReplicaSet, HistoryContract): ...


class TestHistoryOnALoneMongod(OnALoneMongod, HistoryContract): ...
