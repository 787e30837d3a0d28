import pytest

from adapters.mongodb import MongoStore
from tests.adapters.mongodb.conftest import Place
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.archive import ArchiveContract
from tests.contracts.book import ProviderBookContract
from tests.contracts.kept import Kept


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


class TestBookOnAReplicaSet(OnAReplicaSet, ProviderBookContract): ...


class TestBookOnALoneMongod(OnALoneMongod, ProviderBookContract): ...


class TestArchiveOnAReplicaSet(OnAReplicaSet, ArchiveContract): ...


class TestArchiveOnALoneMongod(OnALoneMongod, ArchiveContract): ...
