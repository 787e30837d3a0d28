from collections.abc import Iterator

import pytest

from adapters.mongodb import MongoStore
from tests.adapters.mongodb.conftest import Place, a_prepared_place
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.history import HistoryContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.servers.mongod import standalone


class TestMongoStore(AnswerStoreContract, RateLimiterContract, HistoryContract): ...


@pytest.fixture(scope="module")
def alone() -> Iterator[tuple[Place, MongoStore]]:
    with standalone() as mongo, a_prepared_place(mongo) as prepared:
        yield prepared


class TestMongoStoreOnALoneMongod(AnswerStoreContract, HistoryContract):
    @pytest.fixture
    def prepared(self, alone: tuple[Place, MongoStore]) -> tuple[Place, MongoStore]:
        return alone
