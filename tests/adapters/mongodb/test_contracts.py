import pytest

from adapters.mongodb import MongoStore
from tests.adapters.mongodb.conftest import Place
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.history import HistoryContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.stores import Kept


class OnAReplicaSet:
    @pytest.fixture
    def kept(self, prepared: tuple[Place, MongoStore]) -> Kept:
        return prepared[0].kept(prepared[1])


class OnALoneMongod:
    @pytest.fixture
    def kept(self, prepared_alone: tuple[Place, MongoStore]) -> Kept:
        return prepared_alone[0].kept(prepared_alone[1])


class TestAnswersOnAReplicaSet(OnAReplicaSet, AnswerStoreContract): ...


class TestAnswersOnALoneMongod(OnALoneMongod, AnswerStoreContract): ...


class TestBookOnAReplicaSet(OnAReplicaSet, RateLimiterContract): ...


class TestBookOnALoneMongod(OnALoneMongod, RateLimiterContract): ...


class TestArchiveOnAReplicaSet(OnAReplicaSet, HistoryContract): ...


class TestArchiveOnALoneMongod(OnALoneMongod, HistoryContract): ...
